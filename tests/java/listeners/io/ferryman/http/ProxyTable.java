package io.ferryman.http;

import io.ferryman.json.JsonObject;
import io.ferryman.json.JsonReader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/** Prints the proxy for each line of standard input, an environment and a URL in JSON. */
final class ProxyTable {
    private ProxyTable() {}

    public static void main(String[] arguments) throws IOException {
        InputStreamReader in = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(in);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
            JsonObject asked = JsonObject.of(JsonReader.read(bytes));
            System.out.println(answer(asked));
        }
    }

    private static String answer(JsonObject asked) {
        try {
            Proxies proxies = new Proxies(asked.textsByName("env"));
            ForwardProxy proxy = proxies.of(URI.create(asked.text("url")));
            return proxy == null ? "direct" : proxy + " " + proxy.login;
        } catch (IllegalArgumentException refused) {
            return refused.getMessage();
        }
    }
}
