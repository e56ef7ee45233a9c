"""The SQL that every database of ours understands alike, as a judge: a statement is parsed and refused if it leaves it.

Inside: explicit columns, `?` for every value, inner and left joins by ON, comparisons, IN, LIKE, BETWEEN, CASE,
COALESCE, MAX, MIN, COUNT, ORDER BY, one row at a time; paging is by key. Outside: SELECT *, TOP, LIMIT, OFFSET,
DISTINCT, CTEs, window functions, a vendor's own functions, names in quotes, DELETE and anything that changes a table.
What a vendor alone understands lives in its dialect.
"""

from __future__ import annotations

import re
from collections import Counter

import sqlglot
from sqlglot import expressions as exp

from chartbridge.connectors.by_odbc.layout import NOTHING

WORDS = {
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "NULL", "IS", "IN", "LIKE", "ESCAPE", "BETWEEN", "EXISTS", "CASE",
    "WHEN", "THEN", "ELSE", "END", "AS", "ON", "INNER", "LEFT", "OUTER", "JOIN", "GROUP", "ORDER", "BY", "HAVING",
    "ASC", "DESC", "INSERT", "INTO", "VALUES", "UPDATE", "SET", "COALESCE", "MAX", "MIN", "COUNT",
}  # fmt: skip
"""All words of SQL that are inside, as they are written; any other word must be the name of something. The parser
reads several vendors' words as one (NVL, IFNULL and COALESCE), so they are told apart in the text itself."""

_ONE, _TWO, _MANY = ("this",), ("this", "expression"), ("expressions",)
ALLOWED: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Select: ("expressions", "from_", "joins", "where", "group", "having", "order"),
    exp.Insert: _TWO,
    exp.Update: ("this", "expressions", "where"),
    exp.Schema: ("this", "expressions"),
    exp.Values: _MANY,
    exp.Tuple: _MANY,
    exp.Join: ("this", "side", "kind", "on"),
    exp.Table: ("this", "db", "alias"),
    exp.Alias: ("this", "alias"),
    exp.Identifier: _ONE,
    exp.Column: ("this", "table"),
    exp.Placeholder: (),
    exp.Literal: ("this", "is_string"),
    exp.Null: (),
    exp.Star: (),
    exp.Order: _MANY,
    exp.Ordered: ("this", "desc", "nulls_first"),  # where they stand by default; NULLS is no word of ours
    exp.Group: _MANY,
    exp.In: ("this", "expressions", "query"),
    exp.Between: ("this", "low", "high"),
    exp.Case: ("this", "ifs", "default"),
    exp.If: ("this", "true"),
    exp.Coalesce: ("this", "expressions"),
    exp.Count: ("this", "big_int"),
    **dict.fromkeys(
        (
            exp.Where, exp.From, exp.TableAlias, exp.Having, exp.Not, exp.Paren, exp.Exists, exp.Subquery, exp.Max,
            exp.Min, exp.Neg,
        ),
        _ONE,
    ),
    **dict.fromkeys(
        (
            exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.Like, exp.Add, exp.Sub,
            exp.Escape,
        ),
        _TWO,
    ),
}  # fmt: skip
"""What a statement may consist of → which parts of it may be there."""

JOINS = {("", ""), ("", "INNER"), ("LEFT", ""), ("LEFT", "OUTER")}
_WORD = re.compile(r"[A-Za-z_]\w*")
_SIGNS = re.compile(r"(?!.*(--|==))[\w\s.,?()*=<>+-]*", re.DOTALL)


def outside(statement: str) -> str:
    """Return what of a statement lies outside of the subset, or an empty text."""
    try:
        parsed = sqlglot.parse(statement)
    except sqlglot.errors.ParseError:
        return "can't be parsed"
    if len(parsed) != 1 or parsed[0] is None:
        return "is not one statement"
    tree = parsed[0]
    if not isinstance(tree, exp.Select | exp.Insert | exp.Update):
        return f"is a {tree.key}"
    for node in tree.walk():
        if wrong := _of_a_part(node):
            return wrong
    return _of_the_text(statement, tree) or _of_the_whole(tree)


def columns(statement: str) -> set[str]:
    """The columns that a statement asks for, as `table.column`."""
    tree = sqlglot.parse_one(statement)
    tables = {table.alias_or_name: table.name for table in tree.find_all(exp.Table)}
    found = set()
    for column in tree.find_all(exp.Column):
        assert column.table or isinstance(tree, exp.Update), f"{column.name} has no alias"
        found.add(f"{tables[column.table or next(iter(tables))]}.{column.name}")
    if isinstance(tree, exp.Insert):
        found |= {f"{tree.this.this.name}.{each.name}" for each in tree.this.expressions}
    return found


def _of_a_part(node: exp.Expr) -> str:
    if type(node) not in ALLOWED:
        return f"uses {node.key}"
    if more := [name for name, part in node.args.items() if part and name not in ALLOWED[type(node)]]:
        return f"uses {node.key} with {', '.join(more)}"
    match node:
        case exp.Star() if not isinstance(node.parent, exp.Count):
            return "reads all columns"
        case exp.If() if not isinstance(node.parent, exp.Case):
            return "uses if as a function"
        case exp.Tuple() if not isinstance(node.parent, exp.Values):
            return "compares several values at once"
        case exp.Values() if len(node.expressions) != 1 or not isinstance(node.parent, exp.Insert):
            return "writes several rows at once"
        case exp.Join() if (node.side, node.kind) not in JOINS or not node.args.get("on"):
            return "joins otherwise than INNER or LEFT, by ON"
        case exp.Literal() if not _is_declared(node):
            return "holds a value; bind it"
    return ""


def _is_declared(literal: exp.Literal) -> bool:
    """Whether a value may stand in the text: for one that is missing, or in a condition that nothing meets.

    An empty text is selected in place of a column that this version lacks. `COALESCE(column, 0)` and
    `COALESCE(column, 0) = 0` say with one number what a column that holds nothing counts as, which is the vendor's and
    never a practice's. `1 = 0` is how a table's columns are looked at without its rows.
    """
    if literal.is_string:
        return (
            literal.sql() == NOTHING
            and literal.arg_key == "expressions"
            and isinstance(literal.parent, exp.Select)
        )
    value = literal.parent if isinstance(literal.parent, exp.Neg) else literal
    holder = value.parent
    if isinstance(holder, exp.Coalesce):
        return value is not holder.this
    if not isinstance(holder, exp.EQ):
        return False
    if isinstance(holder.this, exp.Coalesce):
        return value is holder.expression and holder.this.expressions == [value]
    return isinstance(holder.parent, exp.Where) and holder.sql() == "1 = 0"


def _of_the_text(statement: str, tree: exp.Expression) -> str:
    """What the parser lets through: other spellings of the same, and words of which the tree keeps nothing."""
    if not _SIGNS.fullmatch(statement.replace(NOTHING, "")):
        return "holds a sign that not all understand"
    words = Counter(word for word in _WORD.findall(statement) if word not in WORDS)
    names = Counter(each.name for each in tree.find_all(exp.Identifier))
    return f"says {', '.join(sorted(words - names))}" if words != names else ""


def _of_the_whole(tree: exp.Expression) -> str:
    if isinstance(tree, exp.Insert):
        if not isinstance(tree.this, exp.Schema):
            return "inserts without naming the columns"
        if not isinstance(tree.expression, exp.Values):
            return "inserts what it reads"
    if isinstance(tree, exp.Update) and not tree.args.get("where"):
        return "updates without a condition"
    return ""
