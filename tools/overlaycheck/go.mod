module overlaycheck

go 1.27
