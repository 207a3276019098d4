"""Texts that want to be more than text."""

from __future__ import annotations

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "' onmouseover='window.hacked = 1' x='",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "</style></title></textarea><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "\u202eevil\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "one\ntwo\r\nthree\ttab\x00nul\x1bescape\x7f",
    "word " * 2_000,
    "x" * 10_000,
    "| a | b |\n![p](http://127.0.0.1:1/p.png) `code` [l](javascript:alert(1))",
    "",
)
