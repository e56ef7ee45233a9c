"""The SQL that every database of ours understands alike, as a judge: a statement is parsed and refused if it leaves it.

Inside: explicit columns, `?` for every value, joins, comparisons, IN, LIKE, BETWEEN, CASE, COALESCE, MAX, MIN, COUNT,
ORDER BY; paging is by key. Outside: SELECT *, TOP, LIMIT, OFFSET, DISTINCT, CTEs, window functions, a vendor's own
functions, DELETE and anything that changes a table. What a vendor alone understands lives in its dialect.
"""

from __future__ import annotations

import sqlglot
from sqlglot import expressions as exp

ALLOWED = (
    exp.Select, exp.Insert, exp.Update, exp.Schema, exp.Values, exp.Tuple, exp.Where, exp.From, exp.Join,
    exp.Table, exp.TableAlias, exp.Alias, exp.Identifier, exp.Column, exp.Placeholder, exp.Literal, exp.Null,
    exp.Order, exp.Ordered, exp.Group, exp.Having, exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT,
    exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Like, exp.Between, exp.Exists, exp.Subquery, exp.Add, exp.Sub,
    exp.Case, exp.If, exp.Coalesce, exp.Max, exp.Min, exp.Count, exp.Star, exp.Neg, exp.Escape,
)  # fmt: skip


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
        if not isinstance(node, ALLOWED):
            return f"uses {node.key}"
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            return "reads all columns"
        if (
            isinstance(node, exp.Literal)
            and not isinstance(node.parent, exp.Select | exp.Alias)
            and node.is_string
        ):
            return "holds a value; bind it"
    return _of_the_whole(tree)


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


def _of_the_whole(tree: exp.Expression) -> str:
    if isinstance(tree, exp.Insert) and not isinstance(tree.this, exp.Schema):
        return "inserts without naming the columns"
    if isinstance(tree, exp.Update) and not tree.args.get("where"):
        return "updates without a condition"
    unordered = isinstance(tree, exp.Select) and any(
        tree.args.get(word) for word in ("limit", "offset", "distinct")
    )
    return "pages otherwise than by key" if unordered else ""
