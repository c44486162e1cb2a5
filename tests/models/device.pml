/* One device: probe, callbacks, sessions, suspend, resume, surprise removal, remove, and the next binding.
 *
 * core/src/lifecycle/{device,probe,remove,teardown,suspend,session}.rs, core/src/hal/register.rs (the host's part)
 *
 * Bounds: BINDINGS bindings, LOSSES calls of `lose` from outside (callbacks lose it as often as they like), NAPS
 * suspends, DEADLINES drains given up. Two bindings are enough for all that an old binding can do to a new one: what
 * is left over knows its own generation only, and the third binding sees what the second saw. The actors that a
 * check does not need are switched off by -DNO_..., which leaves the checks with them to others.
 */
#ifndef BINDINGS
#define BINDINGS 2
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef NAPS
#define NAPS 1
#endif
#ifndef DEADLINES
#define DEADLINES 1
#endif

#define DEVICES 1
#define D 0
#include "cell.pml"

/* Registry::order: what was set up, first to last. */
#define STEP  0           /* a step that leaves the device something to do: it writes to memory of a later item */
#define IRQ   1
#define WORK  2
#define TIMER 3
#define ITEMS 4

/* An item is none, live, quiet, then none again. */
#define NONE  0
#define LIVE  1
#define QUIET 2
byte item[ITEMS];

byte tag[ITEMS];          /* Callback's ticket: the generation the host was given */
bool pending[ITEMS];      /* queued, armed, or the line is up */
bool running[ITEMS];      /* the host is inside the callback: what `cancel` waits for */
bool parked[ITEMS];       /* Device::parked; a flag, because the generation is compared when it is read */
byte parked_in[ITEMS];
bool irq_on;              /* Interrupt::enable, disable */
bool isolated;            /* Host::isolate: bus mastering off, mappings away */

bool removal;             /* Shared::removal */
bool asked;               /* the host heard Host::removal_requested and has it still to do */
bool sig;                 /* Shared::event: signalled since the session read the epoch */
bool waiting;             /* ghost: the session waits */
byte deadlines;           /* drains that were given up */

/* Shared::request_removal */
#define request_removal() \
    atomic { if :: !removal -> removal = true; asked = true :: else -> skip fi }

/* A host that lost a device removes it. It hears of nothing when nothing is bound. */
#define request_removal_outside() \
    atomic { if :: state[D] == LOST -> removal = true; asked = true :: else -> skip fi }

/* Device::lose, step by step: it may be delayed anywhere. */
inline lose() {
#ifndef BUG_LOSING_NOT_COUNTED
    losing[D]++;
#endif
    if
    :: atomic { state[D] != UNBOUND && state[D] != REMOVED -> g = gen[D] }
       gone[D] = true;
       atomic {
           go(D, may_lose, LOST);
           CHECK_P7(!ok || g == gen[D]);
           g = 0
       }
       if :: ok -> atomic { closed[D] = true; ok = false } :: else -> skip fi
    :: else -> skip
    fi;
    atomic {
#ifndef BUG_LOSING_NOT_COUNTED
        losing[D]--;
#endif
        sig = true
    }
}

/* Device::settle, for somebody inside the gate or with the claim. Its `lose` is one step: it cannot be delayed into
   the next binding, because a removal waits for this visitor or this claim; Loser has the steps. */
inline settle() {
    atomic {
        if
        :: gone[D] ->
           request_removal();
           if :: may_lose(state[D]) -> state[D] = LOST; closed[D] = true :: else -> skip fi;
           sig = true
        :: else -> skip
        fi
    }
}

/* What a driver's code does with its token: any register access. */
#define access() \
    CHECK_P2(body[D]); CHECK_P6(!dark[D])

/* Every handler, Device::visit and the host around it. What a handler does is one step, at any time while it is
   inside; a longer handler differs in nothing that anybody else could see. */
proctype Entry(byte k) {
    byte ticket;
    bool in, again;
end:
    do
    :: atomic {                                               /* the host picks it up */
           item[k] == LIVE && pending[k] && (k != IRQ || irq_on) ->
           running[k] = true; pending[k] = false; ticket = tag[k]; again = true
       }
    knock:
       enter(D);
       if
       :: atomic { in && ticket == gen[D] ->
              CHECK_P1(body[D] && body_gen[D] == ticket && state[D] != REMOVED && state[D] != UNBOUND);
              access();
              if                                              /* what a handler may do, any of it */
              :: pending[k] = (item[k] == LIVE)               /* queue itself again; the line stays up */
              :: k != WORK -> pending[WORK] = (item[WORK] == LIVE)      /* an interrupt or a timer queues work */
              :: k != TIMER -> pending[TIMER] = (item[TIMER] == LIVE)   /* somebody sets the timer */
#ifndef NO_REQUEST
#ifdef BUG_REMOVE_INSIDE
              :: k == WORK && !claimed[D] -> removal = true; claimed[D] = true; closed[D] = true; inside[D] == 0
#else
              :: request_removal()                            /* Token::request_remove */
#endif
#endif
#ifndef NO_LOSS
              :: gone[D] = true                               /* a read gave all ones */
#endif
              fi
          }
          settle();
          leave(D)
       :: in && ticket != gen[D] -> leave(D)                  /* Refused::Stale */
       :: else ->
#ifndef NO_SLEEP
          if                                                  /* Device::park: note it, then try once more */
          :: again && ticket == gen[D] && (state[D] == SUSPENDED || state[D] == BOUND || state[D] == PROBING) ->
             atomic { parked[k] = true; parked_in[k] = ticket; again = false }
             goto knock
          :: else -> skip
          fi
#else
          skip
#endif
       fi;
       atomic { running[k] = false; ticket = 0; in = false; again = false }
    od
}

/* The device writes to memory by itself (DMA), until it is isolated. Needed for P8 only. */
proctype Hardware() {
end:
    do
    :: atomic { !isolated -> CHECK_P8(item[TIMER] != NONE) }
    od
}

/* Device::open. The notes of `park` are read in one step: the notes of two entries do not meet. */
inline open() {
    closed[D] = false;
#ifndef BUG_OPEN_NO_SECOND_LOOK
    atomic { if :: state[D] != BOUND -> closed[D] = true :: else -> skip fi; sig = true }
#endif
#ifndef NO_SLEEP
    d_step {
        for (i : IRQ .. TIMER) {
            if :: parked[i] && parked_in[i] == gen[D] -> pending[i] = (item[i] == LIVE) :: else -> skip fi;
            parked[i] = false; parked_in[i] = 0
        }
        i = 0
    }
#endif
    irq_on = true
}

/* Device::probe. A step of the driver may fail; what is undone then is the teardown of remove. */
inline probe() {
    take_claim(D);
    if
    :: may_probe(state[D]) ->
       atomic { gen[D]++; gone[D] = false; asleep[D] = false; removal = false }
       state[D] = PROBING;                                    /* legal: the claim is held */
       d_step {
           inside[D] == 0 ->                                  /* somebody may still be being turned away */
           body[D] = true; body_gen[D] = gen[D]; isolated = false; item[STEP] = LIVE;
           for (i : IRQ .. TIMER) { item[i] = LIVE; tag[i] = gen[D]; pending[i] = (i == IRQ) }
           i = 0
       }
       if
       :: !gone[D] ->
          state[D] = BOUND;
          open();
          atomic { pending[WORK] = (item[WORK] == LIVE); settle() }     /* Driver::ready */
       :: gone[D] -> teardown(); state[D] = UNBOUND; end_binding()
       fi
    :: else -> skip
    fi;
    give_claim(D)
}

/* Shared::end_binding, after its transition */
inline end_binding() {
    losing[D] == 0;
    sig = true
}

/* Quiescing the step touches the device and a later item; cancelling waits for the host. */
inline quiesce(k) {
    if
    :: k == STEP ->
       if
       :: !asleep[D] && !gone[D] -> CHECK_P8(item[TIMER] != NONE); access()
       :: else -> skip
       fi;
       item[STEP] = QUIET
    :: else ->
       atomic { item[k] = QUIET; pending[k] = false }         /* Registration::cancel */
#ifndef BUG_CANCEL_DOES_NOT_WAIT
       !running[k]
#endif
    fi
}

inline free(k) {
#ifndef BUG_ONE_PASS
    CHECK_P8(item[STEP] != LIVE && item[IRQ] != LIVE && item[WORK] != LIVE && item[TIMER] != LIVE);
#endif
    CHECK_P1(!running[k]);                                    /* the host is out of our code */
    item[k] = NONE
}

/* teardown.rs: take_down, then the body itself. The claim is held. */
inline teardown() {
#ifdef BUG_ONE_PASS
    quiesce(TIMER); free(TIMER); quiesce(WORK); free(WORK); quiesce(IRQ); free(IRQ); quiesce(STEP); isolated = true;
    free(STEP);
#else
    quiesce(TIMER); quiesce(WORK); quiesce(IRQ); quiesce(STEP);
#ifndef BUG_NOT_ISOLATED
    isolated = true;
#endif
    atomic { free(TIMER); free(WORK); free(IRQ); free(STEP) }      /* nobody else is left to see it half done */
#endif
    atomic { body[D] = false; body_gen[D] = 0; dark[D] = false }
}

/* Device::take_apart; the claim is held. `blocked` says that the deadline passed. */
inline take_apart() {
    go(D, may_remove, REMOVING);
    if
    :: ok ->
#ifndef BUG_NOT_CLOSED
       closed[D] = true;                                      /* Device::shut */
#endif
#ifndef BUG_NO_SIGNAL
       sig = true;
#endif
       irq_on = false;
       if                                                     /* drain */
#ifdef BUG_NOT_DRAINED
       :: blocked = false
#else
       :: inside[D] == 0 -> blocked = false
#endif
       :: inside[D] != 0 && deadlines < DEADLINES -> deadlines++; blocked = true
       fi;
       if
       :: !blocked ->
          if :: body[D] -> teardown() :: else -> skip fi;
          go(D, may_finish, REMOVED);
#ifdef BUG_NO_SIGNAL
          losing[D] == 0
#else
          end_binding()
#endif
       :: else -> skip
       fi
    :: else -> blocked = false
    fi
}

/* Who binds the device, and may remove it. */
proctype Owner() {
    byte n, i;
    bool ok, blocked;
    do
    :: n < BINDINGS ->
       n++;
       probe();
       if
       :: true ->                                             /* Device::remove_within, until it is done */
          blocked = true;
          do
          :: blocked -> take_claim(D); take_apart(); give_claim(D)
          :: else -> break
          od
       :: true ->                                             /* leaves it to the host's worker */
       end_leave:
          state[D] == REMOVED || state[D] == UNBOUND
       fi
    :: else -> break
    od
}

/* What a host does about Host::removal_requested: Device::remove_if_requested, again while Busy or Blocked. */
proctype Worker() {
    byte i;
    bool ok, blocked;
end:
    do
    :: atomic { asked -> asked = false }
       blocked = true;
       do
       :: blocked ->
#ifdef BUG_BUSY_GIVES_UP
          atomic { if :: !claimed[D] -> claimed[D] = true; ok = true :: else -> ok = false fi }
          if :: !ok -> break :: else -> skip fi;
#else
          take_claim(D);
#endif
          if
          :: state[D] == REMOVING ||
             ((state[D] == BOUND || state[D] == SUSPENDED || state[D] == LOST) && removal) -> take_apart()
          :: else -> blocked = false
          fi;
          give_claim(D)
       :: else -> break
       od;
       ok = false
    od
}

/* The hardware goes away: `lose` from anywhere, at any time. The host removes the device next. */
proctype Loser() {
    byte n, g;
    bool ok;
end:
    do
    :: n < LOSSES ->
       n++;
       lose();
       request_removal_outside()
    od
}

/* Device::suspend and resume. */
proctype Sleeper() {
    byte n, i;
    bool ok;
end:
    do
    :: n < NAPS ->
       n++;
       take_claim(D);
       go(D, may_suspend, SUSPENDED);
       if
       :: ok ->
#ifndef BUG_SLEEP_NOT_CLOSED
          closed[D] = true;
#endif
          sig = true; irq_on = false;
#ifndef BUG_SLEEP_NOT_DRAINED
          inside[D] == 0;
#endif
          access();                                           /* the steps go to sleep */
          atomic { asleep[D] = true; dark[D] = true }
          settle()
       :: else -> skip
       fi;
       give_claim(D);
       /* Removed meanwhile, or not: resume finds out. */
       take_claim(D);
       if
       :: state[D] == SUSPENDED ->
          atomic { asleep[D] = false; dark[D] = false }
          access();                                           /* the steps wake up */
          go(D, may_resume, BOUND);
          if
          :: ok ->
             open();
             atomic { if :: removal -> asked = true :: else -> skip fi }    /* reopen */
          :: else -> skip
          fi
       :: else -> skip
       fi;
       give_claim(D)
    od
}

/* session.rs: opens whenever it can, in any binding, calls, waits, and keeps its ticket for ever. */
proctype Session() {
    byte ticket;
    bool in;
end:
    atomic { gen[D] > 0 -> ticket = gen[D] }                  /* Session::open; its visit is like every other */
    do                                                        /* Session::wait; its first half is a call */
    :: sig = false;                                           /* reads the epoch */
       enter(D);
       if
#ifdef BUG_NO_GENERATION
       :: atomic { in ->
#else
       :: atomic { in && ticket == gen[D] ->
#endif
              CHECK_P7(body_gen[D] == ticket);
              CHECK_P1(body[D] && state[D] != REMOVED && state[D] != UNBOUND);
              access()
          }
          settle();
          atomic { leave(D); in = false }
#ifndef BUG_NO_GENERATION
       :: in && ticket != gen[D] -> atomic { leave(D); in = false; break }      /* Refused::Stale */
#endif
       :: !in ->
          if                                                  /* Device::refusal */
          :: ticket == gen[D] && (state[D] == SUSPENDED || state[D] == BOUND) -> skip
          :: else -> break
          fi
       fi;
       waiting = true;
    end_wait:
       atomic { sig -> waiting = false }                      /* outside the gate: never delays a removal */
    od
}

init {
    atomic {
        closed[D] = true;
        isolated = true;
        run Owner();
        run Worker();
#ifndef NO_IRQ
        run Entry(IRQ);
#endif
        run Entry(WORK);
#ifndef NO_TIMER
        run Entry(TIMER);
#endif
#ifndef NO_LOSS
        run Loser();
#endif
#ifndef NO_SLEEP
        run Sleeper();
#endif
#ifndef NO_SESSION
        run Session();
#endif
#ifdef P8
        run Hardware();
#endif
    }
}

#ifdef LIVENESS
/* P5: a removal that has begun ends, although work queues itself again and timers are set again. */
ltl p5 { [] (state[D] == REMOVING -> <> (state[D] == REMOVED)) }
/* P9: a removal that a callback asked for happens. */
ltl p9 { [] ((removal && state[D] == BOUND) -> <> (state[D] == REMOVED)) }
/* P10: a session that waits finds out that the device was removed. */
ltl p10 { [] ((waiting && state[D] == REMOVED) -> <> !waiting) }
/* P11: the gate of a lost device is closed, once whoever loses or opens it is through. */
ltl p11 { [] ((state[D] == LOST && losing[D] == 0 && !claimed[D]) -> closed[D]) }
#endif
