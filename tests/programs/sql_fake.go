// database/sql over a driver of our own: queries, scanning, prepared statements, transactions, pools, contexts, errors.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

type store struct {
	mu    sync.Mutex
	rows  map[int64]string
	conns int
	log   []string
}

func (s *store) note(f string, a ...any) { s.log = append(s.log, fmt.Sprintf(f, a...)) }

type drv struct{ s *store }
type conn struct {
	s    *store
	undo map[int64]string
	bad  bool
}
type stmt struct {
	c *conn
	q string
}
type rows struct {
	data [][]driver.Value
	cols []string
}
type res struct{ id, n int64 }

func (d drv) Open(name string) (driver.Conn, error) {
	if name == "refuse" {
		return nil, errors.New("refused")
	}
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	d.s.conns++
	return &conn{s: d.s}, nil
}
func (c *conn) Prepare(q string) (driver.Stmt, error) {
	if strings.HasPrefix(q, "BAD") {
		return nil, fmt.Errorf("syntax error in %q", q)
	}
	return &stmt{c, q}, nil
}
func (c *conn) Close() error { return nil }
func (c *conn) Begin() (driver.Tx, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.undo = map[int64]string{}
	for k, v := range c.s.rows {
		c.undo[k] = v
	}
	return c, nil
}
func (c *conn) Commit() error { c.undo = nil; return nil }
func (c *conn) Rollback() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.rows, c.undo = c.undo, nil
	return nil
}
func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return strings.Count(s.q, "?") }
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	st := s.c.s
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case strings.HasPrefix(s.q, "INSERT"):
		id := int64(len(st.rows) + 1)
		st.rows[id] = args[0].(string)
		return res{id, 1}, nil
	case strings.HasPrefix(s.q, "DELETE"):
		n := int64(len(st.rows))
		clear(st.rows)
		return res{0, n}, nil
	case strings.HasPrefix(s.q, "LOST"):
		if !s.c.bad {
			s.c.bad = true
			return nil, driver.ErrBadConn
		}
	}
	return driver.ResultNoRows, nil
}
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	st := s.c.s
	st.mu.Lock()
	defer st.mu.Unlock()
	if strings.HasPrefix(s.q, "ARGS") {
		r := &rows{cols: []string{"type", "value"}}
		for _, a := range args {
			r.data = append(r.data, []driver.Value{fmt.Sprintf("%T", a), fmt.Sprint(a)})
		}
		return r, nil
	}
	if strings.HasPrefix(s.q, "KINDS") {
		return &rows{cols: []string{"i", "f", "b", "s", "bs", "t", "n"}, data: [][]driver.Value{{int64(7), 2.5, true, "text", []byte("bytes"), time.Unix(0, 0).UTC(), nil}}}, nil
	}
	r := &rows{cols: []string{"id", "name"}}
	for k, v := range st.rows {
		r.data = append(r.data, []driver.Value{k, v})
	}
	sort.Slice(r.data, func(i, j int) bool { return r.data[i][0].(int64) < r.data[j][0].(int64) })
	return r, nil
}
func (r *rows) Columns() []string { return r.cols }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(dest []driver.Value) error {
	if len(r.data) == 0 {
		return io.EOF
	}
	copy(dest, r.data[0])
	r.data = r.data[1:]
	return nil
}
func (r res) LastInsertId() (int64, error) { return r.id, nil }
func (r res) RowsAffected() (int64, error) { return r.n, nil }

type upper string

func (u *upper) Scan(v any) error {
	if v == nil {
		return errors.New("no null")
	}
	*u = upper(strings.ToUpper(fmt.Sprint(v)))
	return nil
}
func (u upper) Value() (driver.Value, error) { return "U:" + string(u), nil }

func main() {
	st := &store{rows: map[int64]string{}}
	sql.Register("fake", drv{st})
	db, err := sql.Open("fake", "x")
	fmt.Println(err, sql.Drivers(), db.Ping())
	_, err = sql.Open("unknown", "")
	fmt.Println(err)
	refused, _ := sql.Open("fake", "refuse")
	fmt.Println(refused.Ping())
	for _, n := range []string{"ann", "bob", "cy"} {
		r, err := db.Exec("INSERT ?", n)
		id, _ := r.LastInsertId()
		fmt.Print(id, err, " ")
	}
	rs, err := db.Query("SELECT")
	for rs.Next() {
		var id int
		var name upper
		fmt.Print(rs.Scan(&id, &name), id, name, " ")
	}
	cols, _ := rs.Columns()
	fmt.Println(cols, rs.Err(), rs.Close())
	var i8 int8
	var f float32
	var b bool
	var s sql.NullString
	var bs []byte
	var t time.Time
	var n *int
	fmt.Println(db.QueryRow("KINDS").Scan(&i8, &f, &b, &s, &bs, &t, &n), i8, f, b, s, string(bs), t, n)
	var any1, any2 any
	var str string
	fmt.Println(db.QueryRow("KINDS").Scan(&any1, &str, &any2, &bs, &str, &any2, &str))
	fmt.Println(db.QueryRow("SELECT").Scan(&i8), any1, str)
	args, err := db.Query("ARGS ? ? ? ? ? ?", 1, uint8(2), "s", []byte("b"), upper("v"), sql.NullInt64{})
	fmt.Println(err)
	for args.Next() {
		var a, b string
		args.Scan(&a, &b)
		fmt.Print(a, "=", b, " ")
	}
	fmt.Println()
	_, err = db.Exec("INSERT ?")
	fmt.Println(err)
	_, err = db.Exec("BAD")
	fmt.Println(err)
	_, err = db.Exec("INSERT ?", struct{}{})
	fmt.Println(err)
	tx, _ := db.Begin()
	tx.Exec("INSERT ?", "in tx")
	fmt.Println(len(st.rows), tx.Rollback(), len(st.rows), tx.Commit())
	tx, _ = db.BeginTx(context.Background(), nil)
	ps, _ := tx.Prepare("INSERT ?")
	for i := range 3 {
		ps.Exec(fmt.Sprint("p", i))
	}
	fmt.Println(tx.Commit(), len(st.rows))
	_, err = ps.Exec("late")
	fmt.Println(err)
	_, err = db.Exec("LOST")
	fmt.Println(err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = db.QueryContext(ctx, "SELECT")
	fmt.Println(err)
	db.SetMaxOpenConns(3)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			r, err := db.Query("SELECT")
			if err != nil {
				panic(err)
			}
			for r.Next() {
			}
		})
	}
	wg.Wait()
	fmt.Println(st.conns <= 8, db.Stats().InUse, db.Stats().MaxOpenConnections)
	db.Exec("DELETE")
	fmt.Println(errors.Is(db.QueryRow("SELECT").Scan(&i8, &str), sql.ErrNoRows), db.Close(), db.Ping())
}
