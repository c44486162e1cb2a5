/* The device cell, shared by device.pml and nested.pml: states, gate, claim, binding.
 *
 * core/src/lifecycle/state.rs    State, TABLE, StateCell::go
 * core/src/lifecycle/gated/      gate and claim
 * core/src/lifecycle/device.rs   generation, gone, asleep, removal, losing
 *
 * Why the steps are as large as they are:
 * - One compare-exchange or read-modify-write of the code is one step here. gate.pml takes the gate itself apart
 *   and shows that entering, leaving and closing act like single steps, so here they are.
 * - All lanes are one counter. A drain asks only whether all lanes are zero, and no lane affects another.
 * - Memory is sequentially consistent. The orderings that this hides are argued in docs/lifecycle.md and run under
 *   loom and Miri; the model is about the order of the large steps.
 * - Callbacks run as often as they like: no run is counted, so every number of runs is covered.
 */

/* state.rs: State */
#define UNBOUND   0
#define PROBING   1
#define BOUND     2
#define SUSPENDED 3
#define REMOVING  4
#define REMOVED   5
#define LOST      6

/* state.rs: TABLE, by transition */
#define may_probe(s)   (s == UNBOUND || s == REMOVED)
#define may_bind(s)    (s == PROBING)
#define may_suspend(s) (s == BOUND)
#define may_resume(s)  (s == SUSPENDED)
#define may_remove(s)  (s != UNBOUND && s != REMOVED)
#define may_finish(s)  (s == REMOVING)
#define may_lose(s)    (s == BOUND || s == SUSPENDED)

byte state[DEVICES];      /* starts Unbound */
bool closed[DEVICES];     /* the closed bit of the gate; init sets it */
byte inside[DEVICES];     /* visitors, all lanes together */
bool claimed[DEVICES];    /* Gated::claimed */
byte gen[DEVICES];        /* Shared::generation */
bool gone[DEVICES];       /* Shared::gone */
bool asleep[DEVICES];     /* Shared::asleep */
byte losing[DEVICES];     /* Shared::losing */

bool body[DEVICES];       /* the body is there: not freed, or not made yet */
byte body_gen[DEVICES];   /* ghost: which binding made it */
bool dark[DEVICES];       /* ghost: the hardware sleeps, nobody may touch it */

/* StateCell::go: the compare-exchange, with its answer in `ok`. */
#define go(d, legal, to) \
    atomic { if :: legal(state[d]) -> state[d] = to; ok = true :: else -> ok = false fi }

/* Gate::enter: `in` says whether the visitor was let in. */
#define enter(d) \
    atomic { if :: !closed[d] -> inside[d]++; in = true :: else -> in = false fi }
#define leave(d) inside[d]--

/* Gated::claim, tried until it is there: what everybody does who is told Busy. */
#define take_claim(d)  atomic { !claimed[d] -> claimed[d] = true }
#define give_claim(d)  claimed[d] = false

/* Each property is compiled in by its own switch, so that a check fails for its own reason only. */
#ifdef P1
#define CHECK_P1(e) assert(e)
#else
#define CHECK_P1(e) true
#endif
#ifdef P2
#define CHECK_P2(e) assert(e)
#else
#define CHECK_P2(e) true
#endif
#ifdef P3
#define CHECK_P3(e) assert(e)
#else
#define CHECK_P3(e) true
#endif
#ifdef P6
#define CHECK_P6(e) assert(e)
#else
#define CHECK_P6(e) true
#endif
#ifdef P7
#define CHECK_P7(e) assert(e)
#else
#define CHECK_P7(e) true
#endif
#ifdef P8
#define CHECK_P8(e) assert(e)
#else
#define CHECK_P8(e) true
#endif
