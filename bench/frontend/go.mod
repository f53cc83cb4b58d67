module ferrogo/bench/frontend

go 1.27
