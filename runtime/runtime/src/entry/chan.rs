//! Channels and select.

use super::Pair;
use abi::gotype::{ElemType, Type};
use rt_chan::select::Scase;
use rt_chan::{Hchan, RecvReturn};
use rt_sched::hooks::{Place, raise_panic_in};

fn chan(at: usize) -> Option<&'static Hchan> {
    // SAFETY: Go passes channels that the calling goroutine holds.
    unsafe { Hchan::from_addr(at) }
}

fn elem_type(typ: *const Type) -> *const Type {
    // SAFETY: a channel type's descriptor.
    unsafe { (*(typ as *const ElemType)).elem }
}

extern "C" fn makechan(typ: *const Type, size: i64) -> usize {
    // SAFETY: the compiler's descriptor, system function.
    match unsafe { Hchan::make(elem_type(typ), size) } {
        Some(chan) => chan.addr(),
        None => raise_panic_in(Place::Make, "makechan: size out of range", false),
    }
}

extern "C" fn chansend1(c: usize, elem: usize) {
    rt_chan::send(chan(c), elem, true);
}

extern "C" fn chanrecv1(c: usize, elem: usize) {
    rt_chan::recv(chan(c), elem, true, RecvReturn::Received);
}

extern "C" fn chanrecv2(c: usize, elem: usize) -> bool {
    rt_chan::recv(chan(c), elem, true, RecvReturn::Received).1
}

extern "C" fn closechan(c: usize) {
    rt_chan::close(chan(c));
}

extern "C" fn selectnbsend(c: usize, elem: usize) -> bool {
    rt_chan::send(chan(c), elem, false)
}

extern "C" fn selectnbrecv(elem: usize, c: usize) -> Pair {
    let (selected, received) = rt_chan::recv(chan(c), elem, false, RecvReturn::SelectedReceived);
    Pair(selected as usize, received as usize)
}

extern "C" fn reflect_chanrecv(c: usize, nonblocking: bool, elem: usize) -> Pair {
    let (selected, received) =
        rt_chan::recv(chan(c), elem, !nonblocking, RecvReturn::SelectedReceived);
    Pair(selected as usize, received as usize)
}

extern "C" fn reflect_chansend(c: usize, elem: usize, nonblocking: bool) -> bool {
    rt_chan::send(chan(c), elem, !nonblocking)
}

extern "C" fn chanlen(c: usize) -> usize {
    rt_chan::len(chan(c))
}

extern "C" fn chancap(c: usize) -> usize {
    rt_chan::cap(chan(c))
}

extern "C" fn selectgo(
    cases: *const Scase,
    order: *mut u16,
    sends: usize,
    recvs: usize,
    block: bool,
) -> Pair {
    // SAFETY: the compiler's arrays, in the calling goroutine's frame.
    let (case, received) = unsafe { rt_chan::select::select(cases, order, sends, recvs, block) };
    Pair(case as usize, received as usize)
}

rt_sched::system_stubs! {
    "runtime.makechan", "reflect.makechan" => makechan: 2;
    "runtime.chansend1" => chansend1: 2;
    "runtime.chanrecv1" => chanrecv1: 2;
    "runtime.chanrecv2" => chanrecv2: 2;
    "runtime.closechan", "reflect.chanclose" => closechan: 1;
    "runtime.selectnbsend" => selectnbsend: 2;
    "runtime.selectnbrecv" => selectnbrecv: 2;
    "runtime.selectgo" => selectgo: 5;
    "reflect.chanrecv" => reflect_chanrecv: 3;
    "reflect.chansend0" => reflect_chansend: 3;
    "runtime.chanlen", "reflect.chanlen", "internal/reflectlite.chanlen" => chanlen: 1;
}

rt_sched::jump_stubs! {
    "runtime.chancap", "reflect.chancap" => chancap;
}
