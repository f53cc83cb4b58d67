// TCP, UDP and Unix sockets: echo, half close, deadlines, refused and closed connections, pipes, listeners that are closed.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func serve(l net.Listener, wg *sync.WaitGroup) {
	defer wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Println("accept ends:", errors.Is(err, net.ErrClosed))
			return
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer c.Close()
			r := bufio.NewScanner(c)
			for r.Scan() {
				fmt.Fprintf(c, "%s\n", strings.ToUpper(r.Text()))
			}
			fmt.Fprint(c, "bye")
		}()
	}
}

func stream(network, address string) {
	l, err := net.Listen(network, address)
	check(err)
	var wg sync.WaitGroup
	wg.Add(1)
	go serve(l, &wg)
	var clients sync.WaitGroup
	results := make([]string, 10)
	for i := range results {
		clients.Go(func() {
			c, err := net.Dial(network, l.Addr().String())
			check(err)
			defer c.Close()
			for k := range 20 {
				fmt.Fprintf(c, "client %d line %d\n", i, k)
			}
			check(c.(interface{ CloseWrite() error }).CloseWrite())
			all, err := io.ReadAll(c)
			check(err)
			results[i] = fmt.Sprint(len(all), " ", string(all[len(all)-20:]))
		})
	}
	clients.Wait()
	for _, r := range results {
		fmt.Printf("%q\n", r)
	}
	l.Close()
	wg.Wait()
}

func deadlines() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	accepted := make(chan net.Conn)
	go func() { c, _ := l.Accept(); accepted <- c }()
	c, err := net.Dial("tcp", l.Addr().String())
	check(err)
	s := <-accepted
	buf := make([]byte, 10)
	c.SetReadDeadline(time.Now().Add(3 * time.Millisecond))
	_, err = c.Read(buf)
	var ne net.Error
	fmt.Println(errors.As(err, &ne), ne.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), err.(*net.OpError).Op)
	c.SetReadDeadline(time.Time{})
	s.Write([]byte("late"))
	n, err := c.Read(buf)
	fmt.Println(n, err, string(buf[:n]))
	done := make(chan error)
	go func() { _, err := c.Read(buf); done <- err }()
	time.Sleep(2 * time.Millisecond)
	c.Close()
	fmt.Println(errors.Is(<-done, net.ErrClosed))
	_, err = c.Write(buf)
	fmt.Println(errors.Is(err, net.ErrClosed))
	_, err = s.Read(buf)
	fmt.Println(err)
	addr := l.Addr().String()
	l.Close()
	_, err = net.Dial("tcp", addr)
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	fmt.Println(err.(*net.OpError).Err)
	_, err = net.Dial("tcp", "127.0.0.1:99999")
	fmt.Println(err)
	_, err = net.Dial("bogus", "x")
	fmt.Println(err)
	big, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() {
		c, _ := big.Accept()
		data := make([]byte, 4<<20)
		for i := range data {
			data[i] = byte(i * 7)
		}
		c.Write(data)
		c.Close()
	}()
	c, err = net.Dial("tcp", big.Addr().String())
	check(err)
	all, err := io.ReadAll(c)
	sum := 0
	for _, b := range all {
		sum += int(b)
	}
	fmt.Println(len(all), sum, err)
}

func datagrams() {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(err)
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(fmt.Appendf(nil, "%d:%s", n, buf[:n]), from)
		}
	}()
	c, err := net.Dial("udp", pc.LocalAddr().String())
	check(err)
	buf := make([]byte, 100)
	for _, m := range []string{"one", "", strings.Repeat("z", 50)} {
		c.Write([]byte(m))
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(buf)
		fmt.Println(string(buf[:n]), err)
	}
	pc.Close()
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	go u.WriteToUDPAddrPort([]byte("self"), u.LocalAddr().(*net.UDPAddr).AddrPort())
	n, _, err := u.ReadFromUDPAddrPort(buf)
	fmt.Println(string(buf[:n]), err)
}

func main() {
	stream("tcp", "127.0.0.1:0")
	dir, err := os.MkdirTemp("", "sock")
	check(err)
	defer os.RemoveAll(dir)
	stream("unix", filepath.Join(dir, "s"))
	deadlines()
	datagrams()
	a, b := net.Pipe()
	go func() { a.Write([]byte("through the pipe")); a.Close() }()
	all, err := io.ReadAll(b)
	fmt.Println(string(all), err)
	_, network, err := net.ParseCIDR("10.1.2.3/12")
	fmt.Println(network, err, net.ParseIP("::ffff:1.2.3.4"), net.ParseIP("x"), network.Contains(net.IPv4(10, 15, 0, 1)))
	h, p, err := net.SplitHostPort("[::1]:80")
	fmt.Println(h, p, err, net.JoinHostPort("fe80::1", "9"))
	_, _, err = net.SplitHostPort("a:b:c")
	pre := netip.MustParsePrefix("2001:db8::/33")
	fmt.Println(err, pre.Contains(netip.MustParseAddr("2001:db8:8000::1")), pre.Masked(), netip.MustParseAddr("1.2.3.4").Next(), netip.AddrFrom4([4]byte{1, 2, 3, 4}) == netip.MustParseAddr("1.2.3.4"))
}
