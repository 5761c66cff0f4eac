package io.ferryman.http;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLPeerUnverifiedException;

/** Sends requests, over connections that all threads share. */
public final class HttpSender implements AutoCloseable {
    private static final double LOOK_SECONDS = 1;

    private static final String UNTRUSTED =
            "Name a PEM file with the certificate's authority in SSL_CERT_FILE or --ca, or correct"
                    + " the address.";

    private final Connections connections;

    /** The threads that write large bodies, for others that watch them; idle ones end. */
    private final ThreadPoolExecutor writers =
            new ThreadPoolExecutor(
                    0,
                    Integer.MAX_VALUE,
                    10,
                    TimeUnit.SECONDS,
                    new SynchronousQueue<>(),
                    run -> {
                        Thread thread = new Thread(run, "ferryman-writer");
                        thread.setDaemon(true);
                        return thread;
                    });

    HttpSender(Connector connector) {
        connections = new Connections(connector);
    }

    /** Sends a request once; its timeout is the longest time without any progress. */
    Answer send(HttpCall call) throws NoAnswerException {
        URI address = address(call);
        try {
            return call.isSmall() ? connections.send(call, address) : sendLarge(call, address);
        } catch (ConnectFailure failure) {
            if (failure.answer != null) {
                return failure.answer;
            }
            throw new NoAnswerException(failure.getMessage(), true);
        } catch (SocketTimeoutException silent) {
            throw new NoAnswerException("nothing for " + call.timeout + " seconds", true);
        } catch (IOException failure) {
            throw unanswered(failure);
        } catch (IllegalArgumentException setting) {
            throw new NoAnswerException(setting.getMessage(), false);
        }
    }

    private static URI address(HttpCall call) throws NoAnswerException {
        try {
            URI address = URI.create(call.url);
            String scheme = address.getScheme();
            boolean known = "https".equals(scheme) || "http".equals(scheme);
            if (known && address.getHost() != null) {
                return address;
            }
        } catch (IllegalArgumentException refusedBelow) {
            // as one without a host
        }
        throw new NoAnswerException("not a URL that can be called", false);
    }

    /** Has another thread send, as a socket gives up reading after a while but never writing. */
    private Answer sendLarge(HttpCall call, URI address) throws IOException {
        Future<Answer> future = writers.submit(() -> connections.send(call, address));
        long progress = 0;
        double quiet = 0;
        try {
            while (true) {
                try {
                    return future.get((long) (LOOK_SECONDS * 1000), TimeUnit.MILLISECONDS);
                } catch (TimeoutException stillWaiting) {
                    long now = call.progress();
                    quiet = now == progress ? quiet + LOOK_SECONDS : 0;
                    progress = now;
                    if (quiet >= call.timeout) {
                        throw new SocketTimeoutException();
                    }
                    call.meanwhile.run();
                }
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new NoAnswerException("interrupted", false);
        } catch (ExecutionException failed) {
            throw cause(failed);
        } finally {
            end(call, future);
        }
    }

    private static IOException cause(ExecutionException failed) {
        if (failed.getCause() instanceof IOException) {
            return (IOException) failed.getCause();
        }
        if (failed.getCause() instanceof RuntimeException) {
            throw (RuntimeException) failed.getCause();
        }
        throw new IllegalStateException(failed.getCause());
    }

    /** Waits until nobody reads the body any more: its memory is used again. */
    private static void end(HttpCall call, Future<Answer> future) {
        boolean interrupted = false;
        while (!future.isDone()) {
            call.cancel();
            try {
                future.get();
            } catch (InterruptedException again) {
                interrupted = true;
            } catch (ExecutionException asItShouldBe) {
                break;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static NoAnswerException unanswered(IOException failure) {
        if (failure instanceof NoAnswerException) {
            return (NoAnswerException) failure;
        }
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof CertPathValidatorException
                    || each instanceof CertificateException
                    || each instanceof SSLPeerUnverifiedException
                    || (each instanceof SSLHandshakeException && each.getCause() == null)) {
                return new NoAnswerException("TLS: " + each.getMessage(), false, UNTRUSTED);
            }
        }
        // The text of a failed connection may hold a signed URL: its kind says enough.
        return new NoAnswerException(failure.getClass().getSimpleName(), true);
    }

    /** Ends the connections that nobody uses. */
    @Override
    public void close() {
        connections.close();
    }
}
