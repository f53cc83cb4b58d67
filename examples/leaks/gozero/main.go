// A small go-zero REST service: no leak, and nothing may be reported.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"
	"github.com/zeromicro/go-zero/rest/httpx"
)

func main() {
	logx.Disable()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	server := rest.MustNewServer(rest.RestConf{Host: "127.0.0.1", Port: port, Timeout: 3000, MaxConns: 10000})
	defer server.Stop()
	server.AddRoute(rest.Route{Method: http.MethodGet, Path: "/hello/:name", Handler: func(w http.ResponseWriter, r *http.Request) {
		httpx.OkJsonCtx(r.Context(), w, map[string]string{"hello": r.URL.Path})
	}})
	go server.Start()
	fmt.Printf("ready 127.0.0.1:%d\n", port)
	io.Copy(io.Discard, os.Stdin)
}
