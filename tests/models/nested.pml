/* A child device bound to a parent device: adopting, removing either, losing and suspending the parent.
 *
 * core/src/lifecycle: the nested part of device, probe, remove, suspend. device.pml has one device with everything a
 * host does; here each device has one callback that queues itself again, which stands for all of them, and what is
 * added is the hold, the list of children, and the walks over it.
 *
 * What the child owes the parent: its callbacks and its teardown use the parent's body (registers, memory) through the
 * hold alone, without entering the parent's gate.
 *
 * Bounds: PARENT_BINDINGS bindings of the parent, ADOPTS adoptions, ALONE bindings of the child without a parent,
 * CHILD_REMOVES removals of the child by itself, LOSSES losses and NAPS suspends of the parent, WAKES tries to resume
 * the child by itself, DEADLINES removals of the child that give up in the middle. One child: children do not know of
 * each other, and the parent's walks take them one by one.
 */
#ifndef PARENT_BINDINGS
#define PARENT_BINDINGS 2
#endif
#ifndef ADOPTS
#define ADOPTS 2
#endif
#ifndef ALONE
#define ALONE 0
#endif
#ifndef CHILD_REMOVES
#define CHILD_REMOVES 1
#endif
#ifndef LOSSES
#define LOSSES 0
#endif
#ifndef NAPS
#define NAPS 0
#endif
#ifndef WAKES
#define WAKES 0
#endif
#ifndef DEADLINES
#define DEADLINES 0
#endif

#define DEVICES 2
#define P 0
#define C 1
#include "cell.pml"

byte holds;               /* the parent's count of holds */
bool linked;              /* the child is in the parent's list, which is in the cell, not in the body */
byte linked_gen;          /* the binding of the child that the link is for */
bool nested;              /* ghost: the child's binding is bound to the parent */

bool live[DEVICES];       /* the host may call: not cancelled */
bool queued[DEVICES];
bool running[DEVICES];
bool quiet[DEVICES];      /* ghost: quiesced in this binding */
bool orphan;              /* ghost: the child's own state was lost although its parent was not */
byte deadlines;

/* What the child's code does: its own body, and the parent's through the hold. */
#define child_access() \
    CHECK_P2(body[C]); CHECK_P2(!nested || body[P]); CHECK_P6(!dark[C]); CHECK_P6(!nested || !dark[P])
#define parent_access() \
    CHECK_P2(body[P]); CHECK_P6(!dark[P])

/* The callbacks of one device, which queue themselves again for ever. */
proctype Entry(byte d) {
    bool in;
end:
    do
    :: atomic { live[d] && queued[d] -> running[d] = true; queued[d] = false }
       enter(d);
       if
       :: atomic { in ->
              CHECK_P1(body[d] && state[d] != REMOVED && state[d] != UNBOUND);
              if :: d == C -> child_access() :: else -> parent_access() fi;
              queued[d] = live[d]
          }
          leave(d)
       :: else -> skip
       fi;
       atomic { running[d] = false; in = false }
    od
}

/* Device::lose of the child, for the binding `g`; step by step. */
inline lose_child(g) {
    losing[C]++;
    if
#ifdef BUG_LOSE_ANY_BINDING
    :: state[C] != UNBOUND && state[C] != REMOVED ->
#else
    :: atomic { gen[C] == g && state[C] != UNBOUND && state[C] != REMOVED -> gone[C] = true }
#endif
       atomic { go(C, may_lose, LOST); if :: ok && !nested -> orphan = true :: else -> skip fi }
       if :: ok -> atomic { closed[C] = true; ok = false } :: else -> skip fi
    :: else -> skip
    fi;
    losing[C]--
}

/* Device::lose of the parent: itself, then its children. Passed on also when the parent is being removed: its
   children's teardown should not talk to hardware that is gone either. */
proctype Loser() {
    byte n, g;
    bool ok;
end:
    do
    :: n < LOSSES ->
       n++;
       losing[P]++;
       if
       :: atomic { state[P] != UNBOUND && state[P] != REMOVED -> gone[P] = true }
          go(P, may_lose, LOST);
          if :: ok -> atomic { closed[P] = true; ok = false } :: else -> skip fi;
#ifndef BUG_LOSS_NOT_PASSED_ON
          if
          :: atomic { linked -> g = linked_gen }
             lose_child(g);
             g = 0
          :: else -> skip
          fi
#endif
       :: else -> skip
       fi;
       losing[P]--
    od
}

/* Device::open of either. */
#define open(d) \
    closed[d] = false; \
    atomic { if :: state[d] != BOUND -> closed[d] = true :: else -> skip fi }

/* Device::probe of the child, inside the parent's gate if it is adopted. The claim is held. */
inline bind_child(with_parent) {
    atomic {
        gen[C]++; gone[C] = false; asleep[C] = false; state[C] = PROBING;
        if :: with_parent -> linked_gen = gen[C] :: else -> skip fi
    }
    atomic { body[C] = true; nested = with_parent; quiet[C] = false; live[C] = true; queued[C] = true;
             if :: with_parent -> child_access() :: else -> skip fi }
    if
    :: !gone[C] ->
       go(C, may_bind, BOUND);
       open(C);
       ok = false
    :: else -> skip                                           /* unwound below */
    fi
#ifndef BUG_NO_LOOK_AT_PARENT
    /* The parent may have been lost before there was a binding that could be told. State of the child first, then
       the parent's: its `lose` does the two the other way round, so one sees the other. */
    if
    :: with_parent && gone[P] -> g = gen[C]; lose_child(g); g = 0
    :: else -> skip
    fi
#endif
}

/* take_apart of the child from the drain on: quiesce, free, then unlink and let go of the parent. The claim is held. */
inline finish_child() {
    if :: atomic { !asleep[C] && !gone[C] -> child_access() } :: else -> skip fi;
    atomic { live[C] = false; queued[C] = false }             /* cancel */
#ifndef BUG_CHILD_NOT_DRAINED
    !running[C];
#endif
#ifdef BUG_HOLD_FREED_EARLY
    if :: nested -> linked = false; holds-- :: else -> skip fi;
#endif
    atomic {
        quiet[C] = true;
        CHECK_P2(!nested || body[P]);                         /* freeing gives memory back to the parent */
        body[C] = false; dark[C] = false
    }
#ifndef BUG_HOLD_FREED_EARLY
    if
    :: nested ->
#ifdef BUG_UNLINK_LAST
       atomic { nested = false; holds-- }
       linked = false
#else
       atomic { linked = false; linked_gen = 0 }
       atomic { nested = false; holds-- }
#endif
    :: else -> skip
    fi;
#else
    nested = false;
#endif
    if
    :: state[C] == PROBING -> state[C] = UNBOUND
    :: else -> state[C] = REMOVED
    fi;
    losing[C] == 0                                            /* Shared::end_binding */
}

/* Device::remove of the child; the claim is held. It may give up at its deadline when it is allowed to. */
inline take_child_apart(may_give_up) {
    go(C, may_remove, REMOVING);
    if
    :: ok ->
#ifdef BUG_CHILD_NOT_DRAINED
       if
       :: true -> finish_child()
#else
       closed[C] = true;
       if
       :: inside[C] == 0 -> finish_child()
#endif
       :: may_give_up && deadlines < DEADLINES && inside[C] != 0 -> deadlines++
       fi
    :: else -> skip
    fi;
    ok = false
}

/* Adopts the child, or binds it alone. */
proctype Adopter() {
    byte n, m, g;
    bool in, ok;
end:
    do
    :: n < ADOPTS && gen[P] > 0 ->
       n++;
       take_claim(C);
       enter(P);
       if
       :: in && may_probe(state[C]) ->
#ifdef BUG_NO_HOLD
          atomic { linked = true; ok = true }
#else
          /* The hold, refused once the gate is closed; then the link. Two steps, which is the harder case. */
          atomic { if :: !closed[P] -> holds++; ok = true :: else -> ok = false fi }
          if :: ok -> linked = true :: else -> skip fi;
#endif
          if
          :: ok ->
             bind_child(true);
             if
             :: state[C] == PROBING -> finish_child()         /* gone during probe: unwound */
             :: else -> skip
             fi
          :: else -> skip
          fi
       :: else -> skip
       fi;
       atomic { if :: in -> leave(P) :: else -> skip fi; in = false; ok = false }
       give_claim(C)
    :: m < ALONE ->
       m++;
       take_claim(C);
       if
       :: may_probe(state[C]) -> bind_child(false)
       :: else -> skip
       fi;
       ok = false;
       give_claim(C)
    od
}

/* The child's own removal, at any time. */
proctype ChildRemover() {
    byte n;
    bool ok;
end:
    do
    :: n < CHILD_REMOVES && state[C] != UNBOUND ->
       n++;
       take_claim(C);
       take_child_apart(true);
       give_claim(C)
    od
}

/* Parent: all children of the list, each under its claim, tried until it is there. */
inline remove_children() {
    if
    :: linked ->
       take_claim(C);
       if :: linked -> take_child_apart(false) :: else -> skip fi;
       give_claim(C)
    :: else -> skip
    fi
}

/* Who binds the parent, and removes it. */
proctype Owner() {
    byte n;
    bool ok;
end:
    do
    :: n < PARENT_BINDINGS ->
       n++;
       take_claim(P);
       atomic { gen[P]++; gone[P] = false; asleep[P] = false; state[P] = PROBING }
       inside[P] == 0;
       atomic { body[P] = true; quiet[P] = false; live[P] = true; queued[P] = true }
       go(P, may_bind, BOUND);
       ok = false;
       open(P);
       if :: gone[P] -> atomic { if :: may_lose(state[P]) -> state[P] = LOST; closed[P] = true :: else -> skip fi }
          :: else -> skip fi;
       give_claim(P);
       if
       :: true -> skip
       :: true ->                                             /* or nobody ever removes it */
    end_kept:
          false
       fi;
       take_claim(P);
       state[P] = REMOVING;
#ifndef BUG_PARENT_NOT_CLOSED
       closed[P] = true;
#endif
#ifdef BUG_CHILDREN_NOT_REMOVED
       inside[P] == 0;
#else
#ifdef BUG_CHILDREN_REMOVED_ONCE
       remove_children();
       inside[P] == 0 && holds == 0;
#else
#ifdef BUG_HOLDS_NOT_AWAITED
       remove_children();
       inside[P] == 0;
#else
       do                                                     /* children come late: see adopting */
       :: linked -> remove_children()
       :: inside[P] == 0 && holds == 0 -> break
       od;
#endif
#endif
#endif
       atomic { live[P] = false; queued[P] = false }
       !running[P];
       atomic {
           quiet[P] = true;
           CHECK_P8(quiet[P] && (!nested || quiet[C]));
           CHECK_P3(!(nested && body[C]) && !linked && holds == 0);
           body[P] = false; dark[P] = false
       }
       state[P] = REMOVED;
       losing[P] == 0;
       give_claim(P)
    od
}

/* Parent: puts the child to sleep, whatever state it is in. A child that is lost or whose removal gave up has a closed
   gate, but somebody may still be inside, so it is drained too; and it is marked asleep, so that its removal, which may
   come while the parent sleeps, does not touch the hardware. */
inline suspend_children() {
    if
    :: linked ->
       take_claim(C);
       if
       :: linked && !asleep[C] ->
          go(C, may_suspend, SUSPENDED);
#ifdef BUG_ONLY_BOUND_CHILDREN_SLEEP
          if
          :: ok ->
#endif
          closed[C] = true;
          inside[C] == 0;
          atomic { if :: ok && !gone[C] -> child_access() :: else -> skip fi; asleep[C] = true; dark[C] = ok; ok = false }
#ifdef BUG_ONLY_BOUND_CHILDREN_SLEEP
          :: else -> skip
          fi
#endif
       :: else -> skip
       fi;
       give_claim(C)
    :: else -> skip
    fi
}

/* Wakes the child; its claim is held, and the parent is awake. */
inline wake_child() {
    if
    :: asleep[C] ->
       atomic { asleep[C] = false; dark[C] = false }
       if
       :: state[C] == SUSPENDED ->
          atomic { child_access() }
          go(C, may_resume, BOUND);
          if :: ok -> open(C); ok = false :: else -> skip fi
       :: else -> skip
       fi
    :: else -> skip
    fi
}

proctype Sleeper() {
    byte n;
    bool ok;
end:
    do
    :: n < NAPS && state[P] == BOUND ->
       n++;
       take_claim(P);
#ifndef BUG_CHILDREN_NOT_SUSPENDED
       suspend_children();                                    /* children first: they may need the parent for it */
#endif
       go(P, may_suspend, SUSPENDED);
       if
       :: ok ->
          ok = false;
          closed[P] = true;
          inside[P] == 0;
#ifndef BUG_CHILDREN_SUSPENDED_ONCE
#ifndef BUG_CHILDREN_NOT_SUSPENDED
          suspend_children();                                 /* adopted or woken since; now nobody can any more */
#endif
#endif
          atomic { parent_access() }
          atomic { asleep[P] = true; dark[P] = true }
             atomic { asleep[P] = false; dark[P] = false }       /* resume: the parent first */
          atomic { parent_access() }
          go(P, may_resume, BOUND);
          if :: ok -> open(P) :: else -> skip fi;
          ok = false
       :: else -> skip                                        /* lost or removed meanwhile */
       fi;
       /* The children, also of a parent that was not put to sleep after all, or was lost: they are not to stay behind. */
#ifndef BUG_CHILDREN_NOT_WOKEN
       if
       :: linked -> take_claim(C); if :: linked -> wake_child() :: else -> skip fi; give_claim(C)
       :: else -> skip
       fi;
#endif
       give_claim(P)
    od
}

/* Somebody resumes the child by itself: inside the parent's gate, so not while the parent sleeps. */
proctype Waker() {
    byte n;
    bool in, ok;
end:
    do
    :: n < WAKES && state[C] == SUSPENDED ->
       n++;
       take_claim(C);
#ifdef BUG_CHILD_WAKES_ALONE
       in = true;
#else
       enter(P);
#endif
       if
       :: in && nested -> wake_child()
       :: else -> skip
       fi;
#ifndef BUG_CHILD_WAKES_ALONE
       if :: in -> leave(P) :: else -> skip fi;
#endif
       in = false;
       give_claim(C)
    od
}

init {
    atomic {
        closed[P] = true; closed[C] = true;
        run Owner(); run Adopter(); run Entry(C);
#ifndef NO_PARENT_ENTRY
        run Entry(P);
#endif
        if :: CHILD_REMOVES > 0 -> run ChildRemover() :: else -> skip fi;
        if :: LOSSES > 0 -> run Loser() :: else -> skip fi;
        if :: NAPS > 0 -> run Sleeper() :: else -> skip fi;
        if :: WAKES > 0 -> run Waker() :: else -> skip fi
    }
}

#ifdef LIVENESS
/* P3: the parent's body is not freed while the child's is there. */
ltl p3 { [] ((nested && body[C]) -> body[P]) }
/* P4: a parent that is lost does not keep a child in use. */
ltl p4 { [] ((state[P] == LOST && nested && state[C] == BOUND) -> <> (state[C] != BOUND)) }
/* P4, the other way: nobody loses a child whose parent is not. */
ltl p4b { [] !orphan }
/* P5: the parent's removal ends. */
ltl p5 { [] (state[P] == REMOVING -> <> (state[P] == REMOVED)) }
/* A parent that is in use again has no child asleep for ever. */
ltl p6w { [] ((state[P] == BOUND && nested && state[C] == SUSPENDED) -> <> (state[C] != SUSPENDED || state[P] != BOUND)) }
#endif
