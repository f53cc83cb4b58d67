// A Gin service with a leak for the README: reports are computed by a goroutine that
// the handler stops waiting for after its deadline. With -clean the channel has room
// for the late answer.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

type Report struct {
	User string
	Body []byte
}

var (
	clean = flag.Bool("clean", false, "without the leaks")
)

func compute(ctx context.Context, user string) *Report {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
	return &Report{User: user, Body: []byte(strings.Repeat("report for "+user+"\n", 400))}
}

func report(c *gin.Context) {
	user := c.Param("user")
	done := make(chan *Report)
	if *clean {
		done = make(chan *Report, 1)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), 10*time.Millisecond)
	defer cancel()
	go func() {
		done <- compute(context.WithoutCancel(ctx), user)
	}()
	select {
	case r := <-done:
		c.Data(http.StatusOK, "text/plain", r.Body)
	case <-ctx.Done():
		c.String(http.StatusGatewayTimeout, "too slow\n")
	}
}

func main() {
	flag.Parse()
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/ping", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": "pong"}) })
	router.GET("/report/:user", report)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go router.RunListener(listener)
	fmt.Println("ready", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}
