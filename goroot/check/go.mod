module check

go 1.27
