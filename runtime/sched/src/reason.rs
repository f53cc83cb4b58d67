//! Why a goroutine is parked: typed, printed exactly as gc prints it.

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $text:literal, durable: $durable:literal;)*) => {
        /// Reason of a parked goroutine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ParkReason { $($(#[$meta])* $name),* }

        impl ParkReason {
            /// All reasons, by number.
            pub const ALL: &'static [ParkReason] = &[$(ParkReason::$name),*];

            /// The text in goroutine dumps.
            pub fn text(self) -> &'static str {
                match self { $(ParkReason::$name => $text),* }
            }

            /// The text in execution traces, whose viewers know those of gc.
            pub fn trace_text(self) -> &'static str {
                use ParkReason as R;
                match self {
                    R::IoWait => "network",
                    R::ChanReceiveNil | R::ChanSendNil | R::SelectNoCases => "forever",
                    R::Select | R::SynctestSelect => "select",
                    R::ChanReceive | R::SynctestChanReceive => "chan receive",
                    R::ChanSend | R::SynctestChanSend => "chan send",
                    R::Sleep => "sleep",
                    R::SyncCondWait => "sync.(*Cond).Wait",
                    R::Semacquire | R::SyncMutexLock | R::SyncRwMutexRLock | R::SyncRwMutexLock
                    | R::SyncWaitGroupWait | R::SynctestWaitGroupWait => "sync",
                    R::GcAssistWait | R::GcAssistMarking => "GC mark assist wait for work",
                    R::GcSweepWait => "GC background sweeper wait",
                    R::WaitForGcCycle | R::GarbageCollection => "wait until GC ends",
                    R::Preempted => "preempted",
                    R::DebugCall => "wait for debug call",
                    R::SynctestRun | R::SynctestWait => "synctest",
                    R::FinalizerWait | R::CleanupWait | R::ForceGcIdle | R::GcScavengeWait
                    | R::UpdateMaxProcs | R::TraceReaderBlocked => "system goroutine wait",
                    R::None | R::DumpingHeap | R::GarbageCollectionScan | R::PanicWait
                    | R::GcWorkerIdle | R::GcWorkerActive | R::StoppingTheWorld
                    | R::FlushProcCaches | R::CoroutineSwitch => "unspecified",
                }
            }

            /// Whether a goroutine of a synctest bubble counts as durably blocked.
            pub fn is_durable(self) -> bool {
                match self { $(ParkReason::$name => $durable),* }
            }
        }
    };
}

reasons! {
    /// Not parked.
    None = "", durable: false;
    /// A collector's helper waits for its work.
    GcAssistWait = "GC assist wait", durable: false;
    /// Waiting for network or file readiness.
    IoWait = "IO wait", durable: false;
    #[allow(missing_docs)]
    ChanReceiveNil = "chan receive (nil chan)", durable: true;
    #[allow(missing_docs)]
    ChanSendNil = "chan send (nil chan)", durable: true;
    #[allow(missing_docs)]
    DumpingHeap = "dumping heap", durable: false;
    #[allow(missing_docs)]
    GarbageCollection = "garbage collection", durable: false;
    #[allow(missing_docs)]
    GarbageCollectionScan = "garbage collection scan", durable: false;
    #[allow(missing_docs)]
    PanicWait = "panicwait", durable: false;
    #[allow(missing_docs)]
    Select = "select", durable: false;
    #[allow(missing_docs)]
    SelectNoCases = "select (no cases)", durable: true;
    #[allow(missing_docs)]
    GcAssistMarking = "GC assist marking", durable: false;
    #[allow(missing_docs)]
    GcSweepWait = "GC sweep wait", durable: false;
    #[allow(missing_docs)]
    GcScavengeWait = "GC scavenge wait", durable: false;
    #[allow(missing_docs)]
    ChanReceive = "chan receive", durable: false;
    #[allow(missing_docs)]
    ChanSend = "chan send", durable: false;
    #[allow(missing_docs)]
    FinalizerWait = "finalizer wait", durable: false;
    #[allow(missing_docs)]
    ForceGcIdle = "force gc (idle)", durable: false;
    #[allow(missing_docs)]
    UpdateMaxProcs = "GOMAXPROCS updater (idle)", durable: false;
    #[allow(missing_docs)]
    Semacquire = "semacquire", durable: false;
    #[allow(missing_docs)]
    Sleep = "sleep", durable: true;
    #[allow(missing_docs)]
    SyncCondWait = "sync.Cond.Wait", durable: true;
    #[allow(missing_docs)]
    SyncMutexLock = "sync.Mutex.Lock", durable: false;
    #[allow(missing_docs)]
    SyncRwMutexRLock = "sync.RWMutex.RLock", durable: false;
    #[allow(missing_docs)]
    SyncRwMutexLock = "sync.RWMutex.Lock", durable: false;
    #[allow(missing_docs)]
    SyncWaitGroupWait = "sync.WaitGroup.Wait", durable: false;
    #[allow(missing_docs)]
    TraceReaderBlocked = "trace reader (blocked)", durable: false;
    #[allow(missing_docs)]
    WaitForGcCycle = "wait for GC cycle", durable: false;
    #[allow(missing_docs)]
    GcWorkerIdle = "GC worker (idle)", durable: false;
    #[allow(missing_docs)]
    GcWorkerActive = "GC worker (active)", durable: false;
    #[allow(missing_docs)]
    Preempted = "preempted", durable: false;
    #[allow(missing_docs)]
    DebugCall = "debug call", durable: false;
    #[allow(missing_docs)]
    StoppingTheWorld = "stopping the world", durable: false;
    #[allow(missing_docs)]
    FlushProcCaches = "flushing proc caches", durable: false;
    #[allow(missing_docs)]
    CoroutineSwitch = "coroutine", durable: true;
    #[allow(missing_docs)]
    SynctestRun = "synctest.Run", durable: false;
    #[allow(missing_docs)]
    SynctestWait = "synctest.Wait", durable: false;
    /// A channel of the goroutine's bubble.
    SynctestChanReceive = "chan receive (durable)", durable: true;
    #[allow(missing_docs)]
    SynctestChanSend = "chan send (durable)", durable: true;
    #[allow(missing_docs)]
    SynctestSelect = "select (durable)", durable: true;
    #[allow(missing_docs)]
    CleanupWait = "cleanup wait", durable: false;
    /// For a group of the goroutine's bubble.
    SynctestWaitGroupWait = "sync.WaitGroup.Wait (durable)", durable: true;
}
