package io.ferryman.json;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Reads each line as JSON and writes it again, or says that it is not JSON. */
public final class Echo {
    private Echo() {}

    public static void main(String[] arguments) throws IOException {
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] said;
            try {
                said = JsonWriter.write(JsonReader.read(line.getBytes(StandardCharsets.UTF_8)));
            } catch (JsonException refused) {
                said = "refused".getBytes(StandardCharsets.UTF_8);
            }
            System.out.write(said);
            System.out.write('\n');
        }
        System.out.flush();
    }
}
