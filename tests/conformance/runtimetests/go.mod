module runtimetests

go 1.27
