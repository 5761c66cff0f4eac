package org.example.notes;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where the server app keeps its notes: {@code notes.tsv}, one a line, in its home folder. */
final class NoteStore {
    private final Path home;

    NoteStore(Path home) {
        this.home = home;
    }

    List<Note> notes() throws IOException {
        List<Note> notes = new ArrayList<>();
        for (String line : Files.readAllLines(home.resolve("notes.tsv"))) {
            String[] fields = line.split("\t", 5);
            notes.add(new Note(fields[0], fields[1], fields[2], fields[3], fields[4]));
        }
        return notes;
    }

    String colour() {
        return "yellow";
    }
}
