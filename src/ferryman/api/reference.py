"""The page ``/docs``: the OpenAPI document as HTML for people (ADR 0051).

It has no script and loads nothing from elsewhere, so it works without a network and under the
strictest Content-Security-Policy. It is built as a tree, so all text is escaped on output.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree as ET

from litestar import Request, Router
from litestar.openapi.plugins import OpenAPIRenderPlugin

from ferryman.api.openapi import describe

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border: 1px solid #8886; border-radius: 4px; margin: .4rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: #8882; padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
tr { border-bottom: 1px solid #8883; }
""".strip()

_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_SHA256}'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page: its own style, and a form that posts back to it."""


class ReferencePage(OpenAPIRenderPlugin):
    """The reference page; ``?find=WORDS`` shows only the calls that contain all of the words."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._reference: Reference | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        if self._reference is None:
            self._reference = Reference(describe(openapi_schema))
        return self._reference.page(request.query_params.get("find", "")[:200])

    @staticmethod
    def router() -> Router:
        """Return the router that serves the page, with its security headers."""
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return Router("/docs", route_handlers=[], include_in_schema=False, response_headers=headers)


@dataclass(frozen=True, slots=True)
class _Call:
    tag: str
    words: str
    html: bytes


class Reference:
    """The parts of the page, built once from a complete OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._calls = [
            self._call(method, path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        ]
        self._forms = [_bytes(self._form(name, form)) for name, form in self._schemas.items()]
        info = document["info"]
        head = _e(
            "head",
            _e("meta", charset="utf-8"),
            _e("meta", name="viewport", content="width=device-width, initial-scale=1"),
            _e("title", f"{info['title']}: reference of the API"),
            _e("link", rel="icon", href="data:,"),
            _e("style", _STYLE),
        )
        heading = _e("h1", f"{info['title']} {info['version']}")
        self._top = [_bytes(head), b"<body>", _bytes(heading), _bytes(_e("p", *_prose(info)))]

    def page(self, find: str) -> bytes:
        """Return the page as UTF-8, limited to calls that contain all words of ``find``."""
        words = find.lower().split()
        calls = [call for call in self._calls if all(word in call.words for word in words)]
        pieces = [b'<!doctype html>\n<html lang="en">', *self._top, *map(_bytes, _finder(find))]
        for tag in self._document["tags"]:
            of_tag = [call.html for call in calls if call.tag == tag["name"]]
            if of_tag:
                pieces += [_bytes(_e("h2", tag["name"], id=tag["name"].lower())), *of_tag]
        if not calls:
            pieces.append(_bytes(_e("p", "No call has all of these words.")))
        pieces += [_bytes(_e("h2", "Forms", id="forms")), *self._forms, b"</body></html>\n"]
        return b"".join(pieces)

    def _call(self, method: str, path: str, operation: dict[str, Any]) -> _Call:
        [tag] = operation["tags"]
        parameters = operation.get("parameters", [])
        html = _e(
            "details",
            _e("summary", _e("b", method.upper()), " ", _e("code", path), " ", *_prose(operation)),
            *self._token(operation),
            *self._parameters(parameters),
            *self._content("Body", operation.get("requestBody", {}).get("content", {})),
            *self._answers(operation["responses"]),
            id=operation["operationId"],
        )
        names = " ".join(parameter["name"] for parameter in parameters)
        words = f"{method} {path} {tag} {operation['description']} {names}".lower()
        return _Call(tag, words, _bytes(html))

    def _token(self, operation: dict[str, Any]) -> Iterator[ET.Element]:
        for scheme in operation.get("security", []):
            for name in scheme:
                definition = self._document["components"]["securitySchemes"][name]
                text = {"description": definition["description"]}
                yield _e("p", "Token: ", _e("code", name), ". ", *_prose(text))

    def _parameters(self, parameters: list[dict[str, Any]]) -> Iterator[ET.Element]:
        if parameters:
            yield _e("h4", "Parameters")
            yield _table(
                [
                    _e("code", parameter["name"]),
                    parameter["in"] + (", required" if parameter.get("required") else ""),
                    _e("span", *self._type(parameter["schema"])),
                    _e("span", *_prose(parameter)),
                ]
                for parameter in parameters
            )

    def _content(self, title: str, content: dict[str, Any]) -> Iterator[ET.Element]:
        for kind, form in content.items():
            yield _e("h4", f"{title}: ", _e("code", kind))
            if schema := form.get("schema"):
                yield _e("p", *self._type(schema))
            if "example" in form:
                shown = form["example"]
                if not isinstance(shown, str):
                    shown = json.dumps(shown, indent=2, ensure_ascii=False)
                yield _e("pre", shown)

    def _answers(self, responses: dict[str, Any]) -> Iterator[ET.Element]:
        for code, answer in responses.items():
            if "$ref" not in answer:
                phrase = f"{code} {HTTPStatus(int(code)).phrase}"
                yield from self._content(phrase, answer.get("content", {}))
                if not answer.get("content"):
                    yield _e("h4", f"{phrase}, without a body")
        refused = ", ".join(code for code, answer in responses.items() if "$ref" in answer)
        if refused:
            link = _e("a", "Problem", href="#form-Problem")
            yield _e("p", f"Refusals: {refused}, each as ", link, " with a code.")

    def _form(self, name: str, form: dict[str, Any]) -> ET.Element:
        summary = _e("summary", _e("code", name), " ", *_prose(form))
        if "enum" in form:
            return _e("details", summary, _e("p", *self._type(form)), id=f"form-{name}")
        required = form.get("required", [])
        rows = (
            [
                _e("code", member),
                "required" if member in required else "",
                _e("span", *self._type(schema)),
                _e("span", *_prose(schema)),
            ]
            for member, schema in form.get("properties", {}).items()
        )
        return _e("details", summary, _table(rows), id=f"form-{name}")

    def _type(self, schema: dict[str, Any]) -> Iterator[ET.Element | str]:
        """Describe the type of a value in words, with links to the forms."""
        choices = schema.get("oneOf") or schema.get("anyOf")
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield _e("a", name, href=f"#form-{name}")
        elif choices:
            for number, choice in enumerate(choices):
                yield " or " if number else ""
                yield from self._type(choice)
        elif "enum" in schema:
            yield ", ".join(map(str, schema["enum"]))
        elif schema.get("type") == "array":
            yield "list of "
            yield from self._type(schema.get("items", {}))
        elif isinstance(schema.get("additionalProperties"), dict):
            yield "object of "
            yield from self._type(schema["additionalProperties"])
        else:
            bounds = (f", {word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema)
            yield str(schema.get("type", "any value")) + "".join(bounds)


_BOUNDS = {"minimum": "from", "maximum": "up to", "minLength": "length from"}


def _finder(find: str) -> Iterator[ET.Element]:
    yield _e(
        "p",
        "For programs: ",
        _e("a", "openapi.json", href="openapi.json"),
        ". What stands in braces in a path is to be replaced.",
    )
    field = _e("input", type="search", name="find", value=find)
    field.set("aria-label", "Words of a call")
    more: list[ET.Element | str] = [" ", _e("a", "All calls", href="docs")] if find else []
    yield _e("form", field, " ", _e("button", "Find"), *more, action="docs", method="get")


def _prose(described: dict[str, Any]) -> Iterator[ET.Element | str]:
    """Return a description, with text between backticks as code."""
    text = str(described.get("description", "")).replace("``", "`")
    for number, piece in enumerate(text.split("`")):
        yield _e("code", piece) if number % 2 else piece


def _table(rows: Iterator[list[ET.Element | str]]) -> ET.Element:
    return _e("table", *(_e("tr", *(_e("td", cell) for cell in row)) for row in rows))


def _bytes(element: ET.Element) -> bytes:
    html: bytes = ET.tostring(element, encoding="utf-8", method="html")
    return html


def _e(tag: str, *children: ET.Element | str, **attributes: str) -> ET.Element:
    """Return an element; text after a child becomes that child's tail, as ElementTree has it."""
    element = ET.Element(tag, attributes)
    for child in children:
        if isinstance(child, ET.Element):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + child
        else:
            element.text = (element.text or "") + child
    return element
