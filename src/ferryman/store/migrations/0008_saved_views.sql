-- Views of lists that people keep under a name: the filters and columns of a page, as its query.
-- actor is the name of whoever signs in; it is no reference, since a token may be made again.
CREATE TABLE saved_view (
    actor text NOT NULL,
    page text NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    PRIMARY KEY (actor, page, name)
);
