/*
 * Mappings of a source: SQL expressions over the columns of its relation.
 *
 * An expression is checked when it is registered and again whenever it is used,
 * since the table that holds it may have been edited and the relation altered.
 * What is stored and run is the checked expression printed back by the server
 * under an empty search_path: every function and operator is qualified, so that
 * nothing planted later in anybody's search_path can take its place, and text
 * that tries to be more than one expression never gets that far.
 */
#include "compat.h"

#include "access/relation.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "model/owner.h"
#include "model/source.h"

/* A mapping under check, for messages */
typedef struct Mapping
{
	const char *model;
	const char *source;
	const char *name;			/* actor, target, ... */
	const char *text;			/* as given */
	Relation	relation;
	Oid			expected;		/* type; InvalidOid: any hashable type */
	bool		stored;			/* an expression, as print_mapping() gave it */
} Mapping;

/*
 * Start of every message about a mapping
 */
static char *
describe_mapping(const Mapping *mapping)
{
	return psprintf("source \"%s\" of model \"%s\": %s => \"%s\"",
					mapping->source, mapping->model, mapping->name, mapping->text);
}

/*
 * The columns of the relation, for hints
 */
static char *
column_names(Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			appendStringInfo(&names, "%s%s (%s)", names.len > 0 ? ", " : "",
							 quote_identifier(NameStr(att->attname)),
							 format_type_be(att->atttypid));
	}
	return names.data;
}

/*
 * Whether a parsed expression is "*" or "relation.*", which are many
 */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(llast(castNode(ColumnRef, node)->fields), A_Star);
}

/*
 * Parse the text as one expression
 *
 * A text that is exactly the name of a column means that column, so that names
 * with capitals or spaces need no quotes. Not so once it is stored: "user", with
 * its quotes, could be the name of another column.
 */
static Node *
parse_expression(const Mapping *mapping)
{
	AttrNumber	attnum = mapping->stored ? InvalidAttrNumber :
		get_attnum(RelationGetRelid(mapping->relation), mapping->text);
	List	   *statements;
	SelectStmt *select;
	ResTarget  *target;

	if (attnum > 0)
	{
		ColumnRef  *column = makeNode(ColumnRef);

		column->fields = list_make1(makeString(pstrdup(mapping->text)));
		column->location = -1;
		return (Node *) column;
	}

	statements = raw_parser(mapping->text, RAW_PARSE_PLPGSQL_EXPR);
	select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	if (list_length(select->targetList) != 1 || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause ||
		select->havingClause || select->windowClause || select->valuesLists ||
		select->sortClause || select->limitOffset || select->limitCount ||
		select->lockingClause || select->withClause || select->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("not a single expression")));
	target = linitial_node(ResTarget, select->targetList);
	if (target->name != NULL || target->indirection != NIL || is_star(target->val))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("not a single expression")));
	return target->val;
}

/*
 * Find what a mapping must not contain, and name it
 */
static bool
find_forbidden(Node *node, const char **found)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref) || IsA(node, GroupingFunc))
		*found = "an aggregate";
	else if (IsA(node, WindowFunc))
		*found = "a window function";
	else if (IsA(node, SubLink))
		*found = "a subquery";
	else if (IsA(node, Param))
		*found = "a parameter";
	if (*found != NULL)
		return true;
	return expression_tree_walker(node, find_forbidden, (void *) found);
}

static void
refuse_forbidden(const Mapping *mapping, Node *expression)
{
	const char *found = NULL;

	find_forbidden(expression, &found);
	/* it would be printed as relation.*, which is all columns */
	if (found == NULL && IsA(expression, Var) && castNode(Var, expression)->varattno == InvalidAttrNumber)
		found = "a whole row";
	if (found == NULL && expression_returns_set(expression))
		found = "a set-returning function";
	if (found == NULL && contain_volatile_functions(expression))
		found = "a volatile function";
	if (found != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s contains %s", describe_mapping(mapping), found),
				 errhint("A mapping is an expression over the columns of one row. "
						 "For anything more, register a view.")));
}

/*
 * The analysed expression as text that means the same in every refresh: names
 * are qualified, and constants written under the settings that it is read with
 */
static char *
print_mapping(const Mapping *mapping, Node *expression)
{
	List	   *context = deparse_context_for(RelationGetRelationName(mapping->relation),
											  RelationGetRelid(mapping->relation));
	int			nestlevel = pin_settings();
	char	   *text = deparse_expression(expression, context, false, false);

	AtEOXact_GUC(false, nestlevel);
	return text;
}

/*
 * Does every value of the type stay what it is as an id? An assignment rounds
 * numbers with a fraction, which would make one person of several.
 */
static bool
keeps_ids_apart(Oid type, Oid expected)
{
	Oid			base = getBaseType(type);

	return expected != INT8OID || base == UNKNOWNOID ||
		base == INT2OID || base == INT4OID || base == INT8OID;
}

/*
 * Raise 42804: the type is not the expected one
 */
pg_noreturn static void
report_wrong_type(const Mapping *mapping, Node *expression, Oid expected)
{
	Oid			type = exprType(expression);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s has type %s, but %s is needed",
					describe_mapping(mapping), format_type_be(type), format_type_be(expected)),
			 !keeps_ids_apart(type, expected) && can_coerce_type(1, &type, &expected, COERCION_ASSIGNMENT) ?
			 errhint("Ids are integers. Where these are whole numbers, say so: (%s)::%s.",
					 print_mapping(mapping, expression), format_type_be(expected)) :
			 errhint("Columns of %s: %s.", RelationGetRelationName(mapping->relation),
					 column_names(mapping->relation))));
}

/*
 * Coerce to the expected type as an assignment would, but no other numbers to ids
 */
static Node *
coerce_mapping(ParseState *pstate, const Mapping *mapping, Node *expression)
{
	Oid			type = exprType(expression);
	Oid			expected = mapping->expected;
	Node	   *coerced;

	if (!OidIsValid(expected))
	{
		if (type == UNKNOWNOID)
			expected = TEXTOID;
		else if (OidIsValid(lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC)->hash_extended_proc))
			return expression;
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s has type %s, which cannot be hashed",
							describe_mapping(mapping), format_type_be(type)),
					 errhint("Convert it, for instance to text.")));
	}

	coerced = coerce_to_target_type(pstate, expression, type, expected, -1,
									COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (coerced == NULL || !keeps_ids_apart(type, expected))
		report_wrong_type(mapping, expression, expected);
	return coerced;
}

/*
 * Analyse the text over the relation's columns
 */
static Node *
analyse_mapping(const Mapping *mapping)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expression;

	pstate->p_sourcetext = mapping->text;
	item = addRangeTableEntryForRelation(pstate, mapping->relation, AccessShareLock,
										 NULL, false, true);
	addNSItemToQuery(pstate, item, false, true, true);

	expression = transformExpr(pstate, parse_expression(mapping), EXPR_KIND_OTHER);
	refuse_forbidden(mapping, expression);
	expression = coerce_mapping(pstate, mapping, expression);
	refuse_forbidden(mapping, expression);
	assign_expr_collations(pstate, expression);
	free_parsestate(pstate);
	return expression;
}

/*
 * Raise 42501: a role may not SELECT a column, or one of all where number is 0
 */
pg_noreturn static void
report_no_right(const Mapping *mapping, AttrNumber number, Oid role)
{
	Oid			relation = RelationGetRelid(mapping->relation);
	char	   *name = qualified_name(relation);
	char	   *column = number == InvalidAttrNumber ? NULL : get_attname(relation, number, false);
	char	   *reader = GetUserNameFromId(role, false);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s reads %s of %s, which role \"%s\" may not", describe_mapping(mapping),
					column == NULL ? "all columns" : psprintf("column \"%s\"", column), name, reader),
			 errhint("GRANT SELECT%s ON %s TO %s; the owner of a model and the role that registers a source both need it.",
					 column == NULL ? "" : psprintf(" (%s)", quote_identifier(column)), name, quote_identifier(reader))));
}

/*
 * Refuse a role that may not SELECT the columns of the expression (42501), as the
 * server does when the expression is run: later, and in no words about the source
 */
static void
check_columns(const Mapping *mapping, Node *expression, Oid role)
{
	Oid			relation = RelationGetRelid(mapping->relation);
	Bitmapset  *columns = NULL;
	int			column = -1;

	if (pg_class_aclcheck(relation, role, ACL_SELECT) == ACLCHECK_OK)
		return;
	pull_varattnos(expression, 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber	number = column + FirstLowInvalidHeapAttributeNumber;

		/* a whole row is all columns */
		if (number == InvalidAttrNumber ?
			pg_attribute_aclcheck_all(relation, role, ACL_SELECT, ACLMASK_ALL) == ACLCHECK_OK :
			pg_attribute_aclcheck(relation, number, role, ACL_SELECT) == ACLCHECK_OK)
			continue;
		report_no_right(mapping, number, role);
	}
}

/*
 * Refuse a mapping unless both the caller, who registers it, and the owner of the
 * model, who reads it in each refresh, may SELECT its columns (42501)
 */
static void
check_rights(const Mapping *mapping, Node *expression)
{
	ModelRef   *model = model_find_if_any(mapping->model);

	check_columns(mapping, expression, GetUserId());
	if (model != NULL)
		check_columns(mapping, expression, model_owner(model));
}

/*
 * Raise a parser's or analyser's error as one about the mapping
 */
static void
rethrow_about_mapping(const Mapping *mapping, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		strncmp(error->message, "source \"", strlen("source \"")) == 0)
		ReThrowError(error);
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("%s is not valid: %s", describe_mapping(mapping), error->message),
			 error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION ||
			 error->sqlerrcode == ERRCODE_UNDEFINED_OBJECT ?
			 errhint("Functions, operators and types outside pg_catalog need their schema, as in public.f(x).") :
			 errhint("Columns of %s: %s.", RelationGetRelationName(mapping->relation),
					 column_names(mapping->relation))));
}

/*
 * Check one mapping and return its canonical text
 *
 * Errors: 42703 missing column, 42601 not one expression, 42804 wrong type,
 * 0A000 aggregate, subquery, volatile or set-returning function, 42501 no right
 * to a column; each names the source, the mapping and the text.
 */
static char *
check_expression(const Mapping *mapping)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile result = NULL;

	PG_TRY();
	{
		Node	   *expression = analyse_mapping(mapping);

		/* what is stored is run, by the server's own check of rights */
		if (!mapping->stored)
			check_rights(mapping, expression);
		result = print_mapping(mapping, expression);
	}
	PG_CATCH();
	{
		rethrow_about_mapping(mapping, context);
	}
	PG_END_TRY();
	return result;
}

PG_FUNCTION_INFO_V1(influence_check_expression);

/*
 * Check a mapping of a source; arguments: relation, expression, expected type
 * (NULL: any hashable type), name of the mapping, of the source and of the model.
 * Returns the canonical expression.
 */
Datum
influence_check_expression(PG_FUNCTION_ARGS)
{
	Mapping		mapping;
	char	   *result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation, mapping, source and model must not be NULL")));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();

	mapping.stored = false;
	mapping.text = text_to_cstring(PG_GETARG_TEXT_PP(1));
	mapping.expected = PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2);
	mapping.name = text_to_cstring(PG_GETARG_TEXT_PP(3));
	mapping.source = text_to_cstring(PG_GETARG_TEXT_PP(4));
	mapping.model = text_to_cstring(PG_GETARG_TEXT_PP(5));
	if (OidIsValid(mapping.expected) && !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(mapping.expected)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type with OID %u does not exist", mapping.expected)));
	mapping.relation = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	if (mapping.relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u of source \"%s\" does not exist", PG_GETARG_OID(0), mapping.source)));
	result = check_expression(&mapping);
	relation_close(mapping.relation, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/*
 * A mapping as it is stored, checked again and cast; a NULL for an absent one
 *
 * type: InvalidOid for any hashable one.
 */
char *
source_expression(Relation relation, const char *model, const char *source,
				  const char *name, const char *text, Oid type)
{
	Mapping		mapping = {
		.model = model,.source = source,.name = name,.text = text,
		.relation = relation,.expected = type,.stored = true
	};

	if (text == NULL)
		return psprintf("NULL::%s", format_type_be(OidIsValid(type) ? type : TEXTOID));
	if (!OidIsValid(type))
		return psprintf("(%s)", check_expression(&mapping));
	return psprintf("(%s)::%s", check_expression(&mapping), format_type_be(type));
}

/*
 * Append one column of the source query
 */
static void
append_column(StringInfo query, const Mapping *mapping, const char *name, const char *text, Oid type)
{
	appendStringInfo(query, "%s%s", query->len > 0 ? ", " : "SELECT ",
					 source_expression(mapping->relation, mapping->model, mapping->source, name, text, type));
}

/*
 * End a query: the relation and the filter, if there is one
 */
static void
append_from(StringInfo query, Mapping *mapping, const char *filter)
{
	appendStringInfo(query, " FROM %s", qualified_name(RelationGetRelid(mapping->relation)));
	if (filter == NULL)
		return;
	mapping->name = "filter";
	mapping->text = filter;
	mapping->expected = BOOLOID;
	appendStringInfo(query, " WHERE (%s)", check_expression(mapping));
}

/*
 * Open the relation of a source; 42P01 when it was dropped
 */
Relation
source_open(const Model *model, const Source *source)
{
	Relation	relation = try_relation_open(source->relation, AccessShareLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation %s of source \"%s\" of model \"%s\" does not exist",
						source->relation_name, source->name, model->ref.name),
				 errhint("Remove the source with influence_remove_source() and add it again.")));
	return relation;
}

/*
 * A moment as a constant of a type that timestamptz is made of, as UTC
 */
static char *
time_constant(TimestampTz at, Oid type)
{
	Datum		value = TimestampTzGetDatum(at);
	char	   *text;

	/* the numbers of a timestamp are those of a timestamptz in UTC */
	if (type == DATEOID)
		text = DatumGetCString(DirectFunctionCall1(date_out, DirectFunctionCall1(timestamp_date, value)));
	else
		text = DatumGetCString(DirectFunctionCall1(type == TIMESTAMPOID ? timestamp_out : timestamptz_out, value));
	return psprintf("'%s'::%s", text, format_type_be(type));
}

/*
 * What is compared to find rows of a time: the mapping of occurred_at, or what it
 * is converted from as UTC, on which there may be an index
 */
static char *
time_expression(Mapping *mapping, const Source *source, Oid *type)
{
	Node	   *expression;

	mapping->name = "occurred_at";
	mapping->text = source->occurred_at;
	mapping->expected = TIMESTAMPTZOID;
	expression = analyse_mapping(mapping);
	if (IsA(expression, FuncExpr) &&
		(castNode(FuncExpr, expression)->funcid == F_TIMESTAMPTZ_TIMESTAMP ||
		 castNode(FuncExpr, expression)->funcid == F_TIMESTAMPTZ_DATE))
		expression = linitial(castNode(FuncExpr, expression)->args);
	*type = exprType(expression);
	return print_mapping(mapping, expression);
}

/*
 * Append the condition that a row is to be read: its time is in one of the
 * ranges, or it has none
 *
 * Ranges are of whole days. An infinite time is in the first or the last.
 */
static void
append_ranges(StringInfo query, Mapping *mapping, const Source *source)
{
	Oid			type;
	char	   *time = time_expression(mapping, source, &type);

	appendStringInfo(query, "((%s) IS NULL", time);
	for (int i = 0; i < source->range_count; i++)
	{
		const TimeRange *range = &source->ranges[i];

		appendStringInfoString(query, " OR ");
		if (!TIMESTAMP_IS_NOBEGIN(range->since))
			appendStringInfo(query, "(%s) >= %s", time, time_constant(range->since, type));
		if (!TIMESTAMP_IS_NOBEGIN(range->since) && !TIMESTAMP_IS_NOEND(range->until))
			appendStringInfoString(query, " AND ");
		if (!TIMESTAMP_IS_NOEND(range->until))
			appendStringInfo(query, "(%s) < %s", time, time_constant(range->until, type));
	}
	appendStringInfoChar(query, ')');
}

/*
 * The query that reads a source: its columns are those of SourceColumn
 *
 * Errors as for registering, naming the source, when the relation was dropped
 * or altered so that a mapping no longer fits.
 */
char *
source_query(const Model *model, const Source *source)
{
	Relation	relation = source_open(model, source);
	Mapping		mapping = {.model = model->ref.name,.source = source->name,.relation = relation,.stored = true};
	Oid			person_type = source->by_account ? TEXTOID : model->ref.id_type;
	StringInfoData query;

	initStringInfo(&query);
	append_column(&query, &mapping, "actor", source->actor, person_type);
	append_column(&query, &mapping, "target", source->target, person_type);
	append_column(&query, &mapping, "occurred_at", source->occurred_at, TIMESTAMPTZOID);
	append_column(&query, &mapping, "kind_column", source->kind_column, TEXTOID);
	append_column(&query, &mapping, "network_column", source->network_column, TEXTOID);
	append_column(&query, &mapping, "post", source->post, InvalidOid);
	append_column(&query, &mapping, "weight", source->weight, FLOAT8OID);
	append_column(&query, &mapping, "sentiment", source->sentiment, FLOAT8OID);
	append_from(&query, &mapping, source->filter);
	if (source->ranges != NULL)
	{
		appendStringInfoString(&query, source->filter != NULL ? " AND " : " WHERE ");
		append_ranges(&query, &mapping, source);
	}
	relation_close(relation, AccessShareLock);
	return query.data;
}

/*
 * The mapping of occurred_at as an expression over the rows of a relation, which
 * is that of the source or has its columns; errors as for source_query()
 */
Node *
source_time_expression(const char *model, const char *source, const char *occurred_at, Relation relation)
{
	Mapping		mapping = {.model = model,.source = source,.name = "occurred_at",.text = occurred_at,
	.relation = relation,.expected = TIMESTAMPTZOID,.stored = true};

	return analyse_mapping(&mapping);
}

/*
 * Raise an error of a source's query as one about the source
 *
 * Ours name it already, and a cancelled query is not about any source.
 */
void
source_rethrow(const Model *model, const Source *source, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED && strstr(error->message, "source \"") == NULL)
		error->message = psprintf("source \"%s\" of model \"%s\" cannot be read: %s",
								  source->name, model->ref.name, error->message);
	ReThrowError(error);
}

/*
 * Read a source: call back for its columns and for each row (see query.h)
 *
 * Errors: those of source_query(), and whatever the query or a callback raises,
 * naming the source.
 */
void
source_stream(const Model *model, const Source *source,
			  StartCallback start, RowCallback row, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *sql = source_query(model, source);

	PG_TRY();
	{
		query_stream(sql, start, row, arg);
	}
	PG_CATCH();
	{
		source_rethrow(model, source, context);
	}
	PG_END_TRY();
}

/*
 * The query that reads the accounts relation, as far as links of one person if user_id is
 * not NULL: its columns are those of AccountColumn
 *
 * Errors as for source_query(), with "accounts" for the name of the source.
 */
static char *
accounts_query(const Model *model, const char *user_id)
{
	const Accounts *accounts = model->accounts;
	Relation	relation = try_relation_open(accounts->relation, AccessShareLock);
	Mapping		mapping = {.model = model->ref.name,.source = "accounts",.relation = relation,.stored = true};
	StringInfoData query;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation %s of the accounts of model \"%s\" does not exist",
						accounts->relation_name, model->ref.name),
				 errhint("Name another with influence_set_accounts().")));
	initStringInfo(&query);
	append_column(&query, &mapping, "user_id", accounts->user_id, model->ref.id_type);
	append_column(&query, &mapping, "network", accounts->network, TEXTOID);
	append_column(&query, &mapping, "account_id", accounts->account_id, TEXTOID);
	append_from(&query, &mapping, accounts->filter);
	relation_close(relation, AccessShareLock);
	if (user_id == NULL)
		return query.data;
	return psprintf("SELECT * FROM (%s) AS a (user_id, network, account_id) WHERE a.user_id = %s::%s",
					query.data, quote_literal_cstr(user_id), format_type_be(model->ref.id_type));
}

/*
 * Read the accounts relation, or its rows of one person: call back for its columns and
 * for each row
 *
 * What is the same person is said by the collation of the column, and may be more.
 * Errors: those of accounts_query(), and whatever the query or a callback raises.
 */
void
accounts_stream(const Model *model, const char *user_id, StartCallback start, RowCallback row, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *sql = accounts_query(model, user_id);
	ErrorData  *error;

	PG_TRY();
	{
		query_stream(sql, start, row, arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode != ERRCODE_QUERY_CANCELED && strstr(error->message, "accounts of model \"") == NULL)
			error->message = psprintf("accounts of model \"%s\" cannot be read: %s",
									  model->ref.name, error->message);
		ReThrowError(error);
	}
	PG_END_TRY();
}
