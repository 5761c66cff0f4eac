package io.ferryman.http;

import java.io.IOException;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Sends requests, over connections that all threads share. Proxies are those of the JVM.
 *
 * <p>Small bodies, which are the parts of small files, go over plain sockets unless there is a proxy.
 */
public final class HttpSender {
    // The client sets these itself, and refuses to be told.
    private static final Set<String> OWN = Set.of("content-length", "host", "connection");
    private static final double LOOK_SECONDS = 1;

    private final HttpClient client;
    private final Connections connections;
    private final Function<URI, String> proxyLogin;

    /** Makes a sender that trusts whom the JVM trusts. */
    public HttpSender() {
        this(null, address -> null);
    }

    /**
     * Makes a sender.
     *
     * @param trust the authorities to trust; null for those of the JVM
     * @param proxyLogin returns what logs in at the proxy of an address, or null. An {@code
     *     Authenticator} cannot do it: with one, the client drops the platform's token.
     */
    public HttpSender(SSLContext trust, Function<URI, String> proxyLogin) {
        this.proxyLogin = proxyLogin;
        HttpClient.Builder builder =
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .connectTimeout(Duration.ofSeconds(10));
        if (trust != null) {
            builder.sslContext(trust);
        }
        client = builder.build();
        connections = new Connections(client.sslContext().getSocketFactory());
    }

    /** Sends a request once; its timeout is the longest time without any progress. */
    Answer send(HttpCall call) throws NoAnswerException {
        if (call.isPut() && call.body.size <= Connections.LARGEST_BODY) {
            URI address = address(call);
            if (connections.knows(address) || !isProxied(address)) {
                return sendSmall(call, address);
            }
        }
        return sendAny(call);
    }

    private Answer sendSmall(HttpCall call, URI address) throws NoAnswerException {
        try {
            return connections.send(call, address);
        } catch (IOException failure) {
            throw unanswered(failure);
        } catch (IllegalArgumentException malformed) {
            throw new NoAnswerException("not a request that can be sent", false);
        }
    }

    private static URI address(HttpCall call) throws NoAnswerException {
        try {
            URI address = URI.create(call.url);
            if (address.getHost() != null) {
                return address;
            }
        } catch (IllegalArgumentException refusedBelow) {
            // as one without a host
        }
        throw new NoAnswerException("not a URL that can be called", false);
    }

    static boolean isOwn(String header) {
        return OWN.contains(header.toLowerCase(Locale.ROOT));
    }

    private Answer sendAny(HttpCall call) throws NoAnswerException {
        BytesPublisher publisher = call.body == null ? null : new BytesPublisher(call.body);
        CompletableFuture<HttpResponse<byte[]>> future =
                client.sendAsync(
                        request(call, publisher), HttpResponse.BodyHandlers.ofByteArray());
        long progress = 0;
        double quiet = 0;
        while (true) {
            try {
                return answer(future.get((long) (LOOK_SECONDS * 1000), TimeUnit.MILLISECONDS));
            } catch (TimeoutException stillWaiting) {
                long now = publisher == null ? 0 : publisher.progress();
                quiet = now == progress ? quiet + LOOK_SECONDS : 0;
                progress = now;
                if (quiet >= call.timeout) {
                    cancel(future, publisher);
                    throw new NoAnswerException("nothing for " + call.timeout + " seconds", true);
                }
                call.meanwhile.run();
            } catch (InterruptedException interrupted) {
                cancel(future, publisher);
                Thread.currentThread().interrupt();
                throw new NoAnswerException("interrupted", false);
            } catch (ExecutionException failed) {
                throw unanswered(failed.getCause());
            }
        }
    }

    private HttpRequest request(HttpCall call, BytesPublisher publisher)
            throws NoAnswerException {
        URI address = address(call);
        try {
            HttpRequest.Builder builder = HttpRequest.newBuilder(address);
            String login = proxyLogin.apply(address);
            if (login != null && isProxied(address)) {
                builder.header("Proxy-Authorization", login);
            }
            call.headers.forEach(
                    (name, value) -> {
                        if (!isOwn(name)) {
                            builder.header(name, value);
                        }
                    });
            boolean empty = publisher == null || publisher.contentLength() == 0;
            return builder.header("User-Agent", "ferryman-java")
                    .method(
                            call.method,
                            empty ? HttpRequest.BodyPublishers.noBody() : publisher)
                    .build();
        } catch (IllegalArgumentException malformed) {
            throw new NoAnswerException("not a URL that can be called", false);
        }
    }

    private static boolean isProxied(URI address) {
        ProxySelector selector = ProxySelector.getDefault();
        return selector != null && !selector.select(address).contains(Proxy.NO_PROXY);
    }

    private static Answer answer(HttpResponse<byte[]> response) {
        Map<String, String> headers = new HashMap<>();
        response.headers()
                .map()
                .forEach((name, all) -> headers.put(name.toLowerCase(Locale.ROOT), all.get(0)));
        // A proxy that refuses to open a tunnel has no body.
        byte[] body = response.body() == null ? new byte[0] : response.body();
        return new Answer(response.statusCode(), headers, body);
    }

    private static void cancel(CompletableFuture<?> future, BytesPublisher publisher) {
        if (publisher != null) {
            publisher.cancel();
        }
        future.cancel(true);
    }

    private static NoAnswerException unanswered(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof CertPathValidatorException
                    || each instanceof CertificateException
                    || each instanceof SSLPeerUnverifiedException
                    || (each instanceof SSLHandshakeException && each.getCause() == null)) {
                return new NoAnswerException("TLS: " + each.getMessage(), false);
            }
        }
        // The text of a failed connection may hold a signed URL: its kind says enough.
        boolean known = failure instanceof IOException || failure instanceof RuntimeException;
        return new NoAnswerException(failure.getClass().getSimpleName(), known);
    }
}
