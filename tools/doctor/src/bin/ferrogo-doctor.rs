fn main() {
    let pid: i32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut wishes = attach::session::Wishes::default();
    if std::env::args().nth(2).as_deref() == Some("nodwarf") {
        wishes.no_dwarf = true;
    }
    if std::env::args().nth(2).as_deref() == Some("stop") {
        wishes.method = Some(attach::target::Method::Stop);
    }
    let p = attach::session::LiveProgram::open(pid, &wishes).unwrap();
    let t = std::time::Instant::now();
    let s = p.snapshot(&wishes, &|_, _, _| {});
    let s = match s {
        Ok(s) => s,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1)
        }
    };
    println!("{:#?}", s.info);
    println!("{:#?}", s.memory);
    println!(
        "edges {} roots {} views {} maps {} gs {} types {} locks {:?} timers {}",
        s.heap.targets.len(),
        s.roots.len(),
        s.views.len(),
        s.maps.len(),
        s.goroutines.len(),
        s.types.len(),
        s.locks,
        s.timers.len()
    );
    for g in s.goroutines.iter().take(8) {
        println!(
            "{} {:?} {} {:?}",
            g.id,
            g.status,
            g.reason,
            s.frames_of(g)
                .map(|f| format!("{}:{}", f.function, f.line))
                .collect::<Vec<_>>()
        );
    }
    for r in s.roots.iter().take(12) {
        println!("{:?} {} {} {}", r.kind, r.name, r.ty, r.count);
    }
    let mut h = std::collections::BTreeMap::new();
    for slot in 0..s.heap.slots() as u32 {
        if s.heap.is_allocated(slot) {
            let e: &mut (u64, u64) = h.entry(s.type_name(slot)).or_default();
            e.0 += 1;
            e.1 += s.heap.size(slot);
        }
    }
    let mut h: Vec<_> = h.into_iter().collect();
    h.sort_by_key(|e| std::cmp::Reverse(e.1.1));
    for (n, (c, b)) in h.into_iter().take(20) {
        println!("{b:>10} {c:>8} {n}");
    }
    println!(
        "{:?} cpu {} ms peak {} MB",
        t.elapsed(),
        attach::sys::cpu_time_ns() / 1000000,
        attach::sys::peak_rss() >> 20
    );
}
