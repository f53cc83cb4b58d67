// net/http: routing patterns, chunked bodies, cookies, multipart, redirects, timeouts, hijacking, reverse proxy, HTTP/2 over TLS, shutdown.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func body(r *http.Response) string {
	defer r.Body.Close()
	return string(must(io.ReadAll(r.Body)))
}

func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "item ", r.PathValue("id"), " ", r.Pattern)
	})
	mux.HandleFunc("POST /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-A", "b")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "made ", r.PathValue("id"), " ", string(must(io.ReadAll(r.Body))))
	})
	mux.HandleFunc("/files/{path...}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "path ", r.PathValue("path"), r.URL.Query())
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "root ", r.Proto, " ", r.Host != "") })
	mux.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		for i := range 5 {
			fmt.Fprintf(w, "chunk%d;", i)
			http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-Sum", "5")
	})
	mux.HandleFunc("/cookie", func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if c, err := r.Cookie("n"); err == nil {
			fmt.Sscan(c.Value, &n)
		}
		http.SetCookie(w, &http.Cookie{Name: "n", Value: fmt.Sprint(n + 1), Path: "/", HttpOnly: true, MaxAge: 60})
		fmt.Fprint(w, "seen ", n)
	})
	mux.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil && err != http.ErrNotMultipart {
			http.Error(w, err.Error(), 400)
			return
		}
		var keys []string
		for k, v := range r.Form {
			keys = append(keys, fmt.Sprint(k, v))
		}
		sort.Strings(keys)
		fmt.Fprint(w, keys)
		if f, h, err := r.FormFile("up"); err == nil {
			fmt.Fprint(w, " ", h.Filename, " ", h.Size, " ", len(must(io.ReadAll(f))))
		}
	})
	mux.Handle("/old", http.RedirectHandler("/items/9", http.StatusMovedPermanently))
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 302) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		rw.Flush()
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			rw.WriteString(">" + line)
			rw.Flush()
		}
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, strings.Repeat("zip ", 1000))
		z.Close()
	})
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		json.NewEncoder(w).Encode(map[string]any{"u": u, "p": p, "ok": ok, "h": r.Header.Get("X-Custom")})
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
		var tooBig *http.MaxBytesError
		fmt.Fprint(w, errors.As(err, &tooBig), " ", err)
	})
	return mux
}

func main() {
	log.SetOutput(io.Discard)
	srv := httptest.NewServer(routes())
	c := srv.Client()
	jar := must(cookiejar.New(nil))
	c.Jar = jar
	get := func(path string) {
		r, err := c.Get(srv.URL + path)
		if err != nil {
			fmt.Println(path, strings.ReplaceAll(err.Error(), srv.URL, "URL"))
			return
		}
		b := body(r)
		fmt.Println(path, r.StatusCode, r.Proto, r.Header.Get("Content-Type"), r.ContentLength, r.TransferEncoding, r.Trailer, b[:min(len(b), 100)], len(b))
	}
	for _, p := range []string{"/", "/items/5", "/files/a/b%20c?x=1&y=a%26b", "/nope", "/chunks", "/cookie", "/cookie", "/cookie", "/old", "/loop", "/panic", "/gzip", "/items/", "/../items/3", "/form?a=1&a=2"} {
		get(p)
	}
	r := must(c.Post(srv.URL+"/items/7", "text/plain", io.MultiReader(strings.NewReader("streamed "), strings.NewReader("body"))))
	fmt.Println(r.Status, r.Header.Get("X-A"), body(r))
	r = must(c.PostForm(srv.URL+"/form?q=1", url.Values{"k": {"v w", "x"}, "é": {"&="}}))
	fmt.Println(body(r))
	req := must(http.NewRequest("DELETE", srv.URL+"/items/1", nil))
	r = must(c.Do(req))
	fmt.Println(r.Status, r.Header.Get("Allow"), body(r))
	var buf bytes.Buffer
	mw := multipart.NewWriter(&buf)
	mw.WriteField("field", "value")
	must(must(mw.CreateFormFile("up", "f.txt")).Write(make([]byte, 5000)))
	mw.Close()
	r = must(c.Post(srv.URL+"/form", mw.FormDataContentType(), &buf))
	fmt.Println(body(r))
	req = must(http.NewRequest("GET", srv.URL+"/auth", nil))
	req.SetBasicAuth("me", "se:cret")
	req.Header.Set("x-custom", "hv")
	fmt.Print(body(must(c.Do(req))))
	fmt.Println(body(must(c.Post(srv.URL+"/big", "", strings.NewReader("far more than ten bytes")))))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	_, err := c.Do(must(http.NewRequestWithContext(ctx, "GET", srv.URL+"/slow", nil)))
	cancel()
	fmt.Println(errors.Is(err, context.DeadlineExceeded), err.(*url.Error).Timeout())
	quick := &http.Client{Timeout: 5 * time.Millisecond}
	_, err = quick.Get(srv.URL + "/slow")
	fmt.Println(os.IsTimeout(err))

	conn := must(net.Dial("tcp", srv.Listener.Addr().String()))
	fmt.Fprint(conn, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	br := bufio.NewReader(conn)
	resp := must(http.ReadResponse(br, nil))
	fmt.Fprint(conn, "ping\npong\n")
	fmt.Print(resp.StatusCode, " ", must(br.ReadString('\n')), must(br.ReadString('\n')))
	conn.Close()
	conn = must(net.Dial("tcp", srv.Listener.Addr().String()))
	fmt.Fprint(conn, "BAD REQUEST\r\n\r\n")
	fmt.Printf("%q\n", must(io.ReadAll(conn)))
	conn = must(net.Dial("tcp", srv.Listener.Addr().String()))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /items/2 HTTP/1.0\r\n\r\n")
	pipelined := string(must(io.ReadAll(conn)))
	fmt.Println(strings.Count(pipelined, "200 OK"), strings.Contains(pipelined, "root HTTP/1.1"), strings.HasSuffix(pipelined, "item 2 GET /items/{id}"))

	target := must(url.Parse(srv.URL))
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Header.Set("X-Custom", "proxied") }, ModifyResponse: func(r *http.Response) error { r.Header.Set("Via", "p"); return nil }})
	r = must(http.Get(proxy.URL + "/auth"))
	fmt.Println(r.Header.Get("Via"), body(r))
	proxy.Close()

	h2 := httptest.NewUnstartedServer(routes())
	h2.EnableHTTP2 = true
	h2.StartTLS()
	hc := h2.Client()
	var wg sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		wg.Go(func() {
			r := must(hc.Get(fmt.Sprint(h2.URL, "/items/", i)))
			results[i] = r.Proto + body(r)
		})
	}
	wg.Wait()
	fmt.Println(results[0], results[19])
	r = must(hc.Post(h2.URL+"/items/3", "", bytes.NewReader(make([]byte, 300000))))
	fmt.Println(r.StatusCode, len(body(r)), r.TLS.Version == tls.VersionTLS13, r.TLS.NegotiatedProtocol)
	r = must(hc.Get(h2.URL + "/chunks"))
	fmt.Println(body(r), r.Trailer)
	_, err = http.Get(h2.URL)
	fmt.Println(err != nil && strings.Contains(err.Error(), "certificate"))
	h2.Close()

	started := make(chan bool)
	finish := make(chan bool)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { started <- true; <-finish; fmt.Fprint(w, "finished") })}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	got := make(chan string)
	go func() { got <- body(must(http.Get("http://" + l.Addr().String()))) }()
	<-started
	shut := make(chan error)
	go func() { shut <- s.Shutdown(context.Background()) }()
	fmt.Println(<-served)
	close(finish)
	fmt.Println(<-got, <-shut)
	srv.Close()
	rec := httptest.NewRecorder()
	hold := make(chan int)
	defer close(hold)
	http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); <-hold }), time.Millisecond, "timed out").ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Code, rec.Body)
}
