/* The gate, instruction by instruction: core/src/lifecycle/gated/gate.rs (CounterGate) and gated/mod.rs (Claim).
 *
 * The other models let entering, leaving and closing be one step each. This one shows why they may: here a visitor
 * looks at the lane, adds one, looks at what he replaced, and takes his one back if the bit was set; closing goes
 * lane by lane; `busy` reads lane by lane.
 *
 * Bounds: LANES lanes with VISITORS visitors each, who come again and again; the claim holder opens and closes for
 * ever. Two lanes show all that lanes can do to each other, two visitors in a lane all that a shared word can.
 *
 * Properties: G1 nobody is inside while the claim holder has the value exclusively, G2 a closed gate empties.
 */
#define LANES    2
#define VISITORS 2

bool shut[LANES];          /* CLOSED */
byte count[LANES];        /* the other bits of the word */
bool exclusive;           /* the claim holder has `&mut` of the slot */
bool draining;

#ifdef G1
#define CHECK_G1(e) assert(e)
#else
#define CHECK_G1(e) skip
#endif

proctype Visitor(byte lane) {
    bool was;
end:
    do
    :: !shut[lane] ->                                          /* the relaxed load: turned away without a write */
#ifdef BUG_LOOK_THEN_ADD
       was = shut[lane];                                       /* looks at the bit, not at the replaced value */
       count[lane]++;
#else
       atomic { was = shut[lane]; count[lane]++ }              /* fetch_add */
#endif
       if
       :: was -> count[lane]--                                /* turned away after all */
       :: else ->
          CHECK_G1(!exclusive);                               /* Visit::deref */
          CHECK_G1(!exclusive);
          count[lane]--                                       /* leave */
       fi
    od
}

proctype Claim() {
    byte i;
    do
    :: for (i : 0 .. LANES - 1) { shut[i] = false }            /* open */
       for (i : 0 .. LANES - 1) {                             /* close */
#ifdef BUG_CLOSE_ONE_LANE
           if :: i == 0 -> shut[i] = true :: else -> skip fi
#else
           shut[i] = true
#endif
       }
       draining = true;
       /* busy, until it says None. A look that starts over after each lane found empty sees no less than the code's,
          which starts over from lane 0 whenever it found somebody: so this one does the same. */
       i = 0;
       do
       :: i < LANES && count[i] == 0 -> i++
       :: i < LANES && count[i] != 0 -> i = 0
       :: i == LANES -> break
       od;
       draining = false;
       exclusive = true;
       exclusive = false
    od
}

init {
    byte i, j;
    atomic {
        for (i : 0 .. LANES - 1) {
            shut[i] = true;
            for (j : 1 .. VISITORS) { run Visitor(i) }
        }
        run Claim()
    }
}

#ifdef LIVENESS
ltl g2 { [] (draining -> <> !draining) }
#endif
