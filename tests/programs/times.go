// time: formatting, parsing, arithmetic, zones, durations, months, marshalling, rounding, monotonic clock.
package main

import (
	"encoding/json"
	"fmt"
	"time"
)

func main() {
	t := time.Date(2024, time.February, 29, 23, 59, 58, 123456789, time.UTC)
	for _, layout := range []string{time.ANSIC, time.UnixDate, time.RubyDate, time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z, time.RFC3339, time.RFC3339Nano, time.Kitchen, time.Stamp, time.StampMilli, time.StampMicro, time.StampNano, time.DateTime, time.DateOnly, time.TimeOnly,
		"Monday, _2 Jan 06 3:4:5pm", "002 __2 .000 ,999 -07 Z0700 MST", "2006-01-02T15:04:05.999999999Z07:00", "05.00 05.99 Jan January 1 01 Mon PM pm"} {
		fmt.Println(t.Format(layout))
	}
	zone := time.FixedZone("XST", -(5*3600 + 30*60))
	z := t.In(zone)
	fmt.Println(z, z.Location(), z.Equal(t), z == t, z.Unix(), z.UnixMilli(), z.Weekday(), z.YearDay(), z.Day())
	y, w := time.Date(2021, 1, 3, 0, 0, 0, 0, time.UTC).ISOWeek()
	fmt.Println(y, w, t.AddDate(1, 0, 0).Format(time.DateOnly), t.AddDate(0, 1, 1).Format(time.DateOnly), t.AddDate(0, -13, -29).Format(time.DateOnly), time.Date(2023, 14, -5, 25, 61, 61, -1, time.UTC))
	for _, s := range [][2]string{{time.RFC3339, "2024-02-30T00:00:00Z"}, {time.RFC3339, "2024-02-29T12:00:00+05:30"}, {time.RFC3339, "2024-02-29T12:00:00"}, {time.DateOnly, "24-1-1"}, {"2006-1-2 3PM", "2020-3-4 13PM"}, {"2006-1-2 3PM", "2020-3-4 12AM"}, {time.RFC1123, "Thu, 29 Feb 2024 23:59:58 GMT"}, {"Jan _2 2006", "Feb  3 2010"}, {"15:04:05", "24:00:00"}, {"2006-002", "2024-366"}, {time.Kitchen, "3:04XM"}, {time.RFC3339Nano, "2024-01-01T00:00:00.123456789123Z"}, {time.RFC822, "02 Jan 06 15:04 EST"}} {
		p, err := time.Parse(s[0], s[1])
		fmt.Println(p, err)
	}
	for _, s := range []string{"1h30m", "-1.5h", "1us2ns", "100ms", "1d", "", "3", "1e3s", ".5s", "9223372036854775807ns", "2562048h", "+5m", "1h-1m", "µs", "1µs"} {
		d, err := time.ParseDuration(s)
		fmt.Println(d, err)
	}
	for _, d := range []time.Duration{0, 1, -1, 999, 1000, 1500 * time.Microsecond, time.Minute + time.Millisecond, 100 * time.Hour, -1 << 63, 1<<63 - 1} {
		fmt.Println(d, d.Seconds(), d.Round(time.Second), d.Truncate(7*time.Millisecond), d.Abs(), d.Milliseconds(), d.Minutes())
	}
	fmt.Println(t.Sub(t.Add(-time.Hour*26)), t.Truncate(time.Hour), t.Round(24*time.Hour), t.Compare(z), t.Before(z), time.Time{}.IsZero(), time.Time{}, time.Unix(1<<33, 5).UTC(), time.UnixMicro(-1).UTC())
	fmt.Println(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Sub(t), t.Sub(time.Time{}))
	if loc, err := time.LoadLocation("Europe/Zurich"); err == nil {
		for _, u := range []time.Time{time.Date(2024, 3, 31, 0, 59, 59, 0, time.UTC), time.Date(2024, 3, 31, 1, 0, 0, 0, time.UTC), time.Date(2024, 10, 27, 0, 30, 0, 0, time.UTC), time.Date(2024, 10, 27, 1, 30, 0, 0, time.UTC), time.Date(1890, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 7, 1, 0, 0, 0, 0, time.UTC)} {
			l := u.In(loc)
			name, off := l.Zone()
			fmt.Println(l, name, off, l.IsDST())
		}
		fmt.Println(time.Date(2024, 3, 31, 2, 30, 0, 0, loc), time.Date(2024, 10, 27, 2, 30, 0, 0, loc).UTC())
		p, err := time.ParseInLocation(time.DateTime, "2024-07-01 12:00:00", loc)
		fmt.Println(p, err)
	} else {
		fmt.Println(err)
	}
	_, err := time.LoadLocation("No/Where")
	fmt.Println(err)
	b, err := json.Marshal(map[string]any{"t": t, "z": z, "d": time.Second})
	fmt.Println(string(b), err)
	var back struct{ T, Z time.Time }
	fmt.Println(json.Unmarshal(b, &back), back.T.Equal(t), back.Z, json.Unmarshal([]byte(`{"T":"x"}`), &back))
	bin, _ := z.MarshalBinary()
	var zb time.Time
	fmt.Println(zb.UnmarshalBinary(bin), zb.Equal(z), len(bin), zb.Format(time.RFC3339))
	_, err = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).MarshalJSON()
	fmt.Println(err, t.GoString(), time.Month(13), time.Weekday(9), time.Second)
	now := time.Now()
	time.Sleep(2 * time.Millisecond)
	fmt.Println(time.Since(now) >= 2*time.Millisecond, now.Round(0) == now, time.Until(now) < 0, now.Equal(now.Round(0)))
	h, m, s := t.Clock()
	yy, mm, dd := t.Date()
	fmt.Println(h, m, s, yy, mm, dd, t.Nanosecond(), t.AppendFormat([]byte("x"), "06")[0])
	m1 := map[time.Time]int{t: 1}
	fmt.Println(m1[t.UTC()], m1[time.Date(2024, time.February, 29, 23, 59, 58, 123456789, time.UTC)])
}
