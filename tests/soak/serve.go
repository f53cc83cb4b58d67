package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// An order is a document with everything JSON has.
type order struct {
	ID     uint64            `json:"id"`
	Name   string            `json:"name"`
	Lines  []line            `json:"lines"`
	Labels map[string]string `json:"labels,omitempty"`
	Total  float64           `json:"total"`
	Parent *order            `json:"parent"`
	Flags  [3]bool           `json:"flags"`
}

type line struct {
	SKU   string  `json:"sku"`
	Count int     `json:"count"`
	Price float64 `json:"price"`
}

func newOrder(r *random, depth int) *order {
	o := &order{ID: r.next(), Name: "order \"" + strconv.FormatUint(r.next(), 36) + "\" é\n", Labels: map[string]string{}}
	for i := range 1 + r.below(12) {
		o.Lines = append(o.Lines, line{SKU: strconv.Itoa(i), Count: r.below(100), Price: float64(r.below(10000)) / 8})
		o.Total += float64(o.Lines[i].Count) * o.Lines[i].Price
		o.Labels[strconv.Itoa(r.below(1000))] = o.Name
	}
	o.Flags[r.below(3)] = true
	if depth > 0 {
		o.Parent = newOrder(r, depth-1)
	}
	return o
}

// jsons writes documents and reads them back.
func jsons(_ int, r *random) {
	before := newOrder(r, 3)
	text, err := json.Marshal(before)
	if err != nil {
		fail("json: %v", err)
	}
	var after order
	if err := json.Unmarshal(text, &after); err != nil || !reflect.DeepEqual(before, &after) {
		fail("json: %s comes back as %+v (%v)", text, after, err)
	}
	var loose map[string]any
	if err := json.Unmarshal(text, &loose); err != nil || loose["name"] != before.Name {
		fail("json: %v, %v", loose["name"], err)
	}
}

// A server adds up orders; its clients keep their connections, and drop them now and then.
type server struct {
	http   *http.Server
	url    string
	client *http.Client
}

type sum struct {
	Total float64 `json:"total"`
	Lines int     `json:"lines"`
}

func add(o *order) (s sum) {
	for ; o != nil; o = o.Parent {
		s.Total += o.Total
		s.Lines += len(o.Lines)
	}
	return s
}

func newServer() *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("http: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sum", func(w http.ResponseWriter, q *http.Request) {
		var o order
		if err := json.NewDecoder(q.Body).Decode(&o); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(add(&o))
	})
	mux.HandleFunc("GET /bytes/{n}", func(w http.ResponseWriter, q *http.Request) {
		n, _ := strconv.Atoi(q.PathValue("n"))
		w.Write(bytes.Repeat([]byte{byte(n)}, n))
	})
	s := &server{
		http:   &http.Server{Handler: mux, ReadHeaderTimeout: 20 * patience},
		url:    "http://" + listener.Addr().String(),
		client: &http.Client{Timeout: 20 * patience, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second}},
	}
	go s.http.Serve(listener)
	return s
}

func (s *server) round(_ int, r *random) {
	o := newOrder(r, r.below(3))
	text, err := json.Marshal(o)
	if err != nil {
		fail("http: %v", err)
	}
	reply, err := s.client.Post(s.url+"/sum", "application/json", bytes.NewReader(text))
	if err != nil {
		fail("http: %v", err)
	}
	var got sum
	err = json.NewDecoder(reply.Body).Decode(&got)
	io.Copy(io.Discard, reply.Body)
	reply.Body.Close()
	if want := add(o); err != nil || got != want {
		fail("http: sum %+v, not %+v (%v)", got, want, err)
	}
	n := r.below(100_000)
	reply, err = s.client.Get(s.url + "/bytes/" + strconv.Itoa(n))
	if err != nil {
		fail("http: %v", err)
	}
	body, err := io.ReadAll(reply.Body)
	reply.Body.Close()
	if err != nil || len(body) != n || bytes.Count(body, []byte{byte(n)}) != n {
		fail("http: %d bytes of %d (%v)", len(body), n, err)
	}
	if r.below(100) == 0 {
		s.client.CloseIdleConnections()
	}
}

func (s *server) close() {
	s.client.CloseIdleConnections()
	if err := s.http.Close(); err != nil {
		fail("http: %v", err)
	}
}
