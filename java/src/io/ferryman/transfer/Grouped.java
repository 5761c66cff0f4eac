package io.ferryman.transfer;

import io.ferryman.GatewayException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Lets threads that ask for the same kind of thing at the same time share one call.
 *
 * <p>Nobody waits for company: who comes while no call is on its way makes one at once, and those
 * that come meanwhile share the next. A thread that is alone notices nothing.
 */
final class Grouped<I, O> {
    /** The platform takes this many in one call. */
    private static final int MOST = 500;

    private final Function<List<I>, List<Supplier<O>>> call;
    private final Deque<Entry<I, O>> waiting = new ArrayDeque<>();
    private boolean calling;

    /** Takes what makes a call: an answer for each in order, which may throw, or it throws for all. */
    Grouped(Function<List<I>, List<Supplier<O>>> call) {
        this.call = call;
    }

    O ask(I item) {
        Entry<I, O> own = new Entry<>(item);
        synchronized (this) {
            waiting.add(own);
        }
        while (true) {
            List<Entry<I, O>> batch = take(own);
            if (batch.isEmpty()) {
                return own.result();
            }
            carryOut(batch);
        }
    }

    /** Waits for the own answer, or for a turn to call; returns what is to be asked for. */
    private synchronized List<Entry<I, O>> take(Entry<I, O> own) {
        try {
            while (!own.done && (own.taken || calling)) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            waiting.remove(own);
            throw new GatewayException(0, null, "interrupted while other files were sent");
        }
        List<Entry<I, O>> batch = new ArrayList<>();
        while (!own.done && !waiting.isEmpty() && batch.size() < MOST) {
            batch.add(waiting.poll());
            batch.get(batch.size() - 1).taken = true;
        }
        calling |= !batch.isEmpty();
        return batch;
    }

    private void carryOut(List<Entry<I, O>> batch) {
        List<I> items = new ArrayList<>();
        batch.forEach(each -> items.add(each.item));
        List<Supplier<O>> answers = null;
        RuntimeException failure = null;
        try {
            answers = call.apply(items);
        } catch (RuntimeException refused) {
            failure = refused;
        }
        synchronized (this) {
            for (int at = 0; at < batch.size(); at++) {
                batch.get(at).answer = answers == null ? null : answers.get(at);
                batch.get(at).failure = failure;
                batch.get(at).done = true;
            }
            calling = false;
            notifyAll();
        }
    }

    /** One that asks, and its answer. */
    private static final class Entry<I, O> {
        private final I item;
        private Supplier<O> answer;
        private RuntimeException failure;
        private boolean taken;
        private boolean done;

        Entry(I item) {
            this.item = item;
        }

        private O result() {
            if (failure != null) {
                throw failure;
            }
            return answer.get();
        }
    }
}
