package org.example.notes;

/** A note on an issue. */
final class Note {
    final String id;
    final String project;
    final String issue;
    final String author;
    final String text;

    Note(String id, String project, String issue, String author, String text) {
        this.id = id;
        this.project = project;
        this.issue = issue;
        this.author = author;
        this.text = text;
    }

    String toJson() {
        return String.format(
                "{\"id\": %s, \"issue\": %s, \"author\": %s, \"text\": %s}",
                quoted(id), quoted(issue), quoted(author), quoted(text));
    }

    private static String quoted(String value) {
        return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
