"""XML that may come from anybody: parsed without document types, hence without entities, and within bounds."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from l4s_geo.errors import L4SError, SceneError

__all__ = ["MAX_XML", "parse_xml"]

MAX_XML = 32 * 2**20
"""Size of the largest document that is parsed, bytes."""


def parse_xml(text: bytes, what: str, error: type[L4SError] = SceneError) -> Element:
    """Parse a document.

    Args:
        text: the document; one byte more than `MAX_XML` is enough of a longer one.
        what: what it is, for messages ("metadata /data/MTD_TL.xml").
        error: class to raise.

    Raises:
        L4SError: it is too large, not well-formed, or declares a document type.
    """
    if len(text) > MAX_XML:
        raise error(f"The {what} is larger than {MAX_XML >> 20} MiB; expected well under 1 MiB.")

    def refuse(*_: object) -> None:
        raise error(
            f"The {what} declares a document type (DOCTYPE, with which entities are smuggled in); expected "
            "plain XML as in every genuine product, so download it again."
        )

    builder = TreeBuilder(insert_comments=True)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.CommentHandler = builder.comment
    try:
        parser.Parse(text, True)
    except L4SError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as cause:
        raise error(
            f"The {what} is not well-formed XML ({cause}); it seems to be damaged, so download it again."
        ) from cause
    return builder.close()
