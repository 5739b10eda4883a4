-- Learning from people's own judgements: how well do the scores agree with
-- pairs of whom one is more influential, and which weights would agree better?

CREATE FUNCTION influence_evaluate(model text, pairs text)
	RETURNS TABLE (pairs bigint, pairs_unknown bigint, auc float8, accuracy float8, slope float8,
				   log_loss float8, brier float8, calibration_error float8, calibration jsonb)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 100000;
COMMENT ON FUNCTION influence_evaluate(text, text) IS
'How well the published scores of a model agree with judgements of who is more influential, in one row. '
'pairs: a SELECT with the columns more_influential and less_influential, ids of the model''s type; a pair may be judged often. '
'With d the score of the more influential person less that of the other: '
'pairs: those with two scores, which all else is about; pairs_unknown: the others. '
'accuracy: share with d > 0, d = 0 counts half. '
'auc: chance that the d of one pair is larger than the -d of another, equal ones half: each pair counts in its right and in its wrong order (Hanley and McNeil 1982). '
'slope: log-odds per point of score, at least 0: of a pair the one with the higher score is right with probability p = 1 / (1 + exp(-slope * |d|)), fitted to these pairs under a normal prior of deviation 2.5 on the log-odds of a typical d. '
'log_loss: mean of -ln of the probability of what was judged (ln 2 is a coin), brier: mean square of 1 less that probability (0.25 is a coin). '
'calibration: pairs in tenths by |d|, from small to large, each with pairs, predicted (mean p) and observed (share where the higher score was right, ties half); equal |d| stay together. '
'calibration_error: mean of |predicted - observed| over the pairs (Naeini et al. 2015). '
'Runs the query, and reads the view scores, with the rights of the caller. '
'Errors: 42704 no such model, 55000 before the first refresh, 42501 without SELECT on scores, 22004 for a null, 42703, 42702 or 42804 for bad columns, '
'22023 for no pairs, none with two scores, or one person on both sides of a row';

CREATE FUNCTION influence_fit(model text, pairs text, folds integer DEFAULT 5, store boolean DEFAULT false)
	RETURNS TABLE (measure text, weight float8, current_weight float8, slope float8, lambda float8,
				   pairs bigint, pairs_unknown bigint, accuracy float8, current_accuracy float8,
				   log_loss float8, current_log_loss float8)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 6 COST 100000;
COMMENT ON FUNCTION influence_fit(text, text, integer, boolean) IS
'Learns the weights of the measures from judgements of who is more influential; a row per measure. '
'pairs: as for influence_evaluate(). folds: of the cross-validation, 2 to 100; a pair''s fold follows from its ids, so the order of the rows does not matter. '
'store: put the weights into influence.models, where they take effect at the next refresh. '
'Model: a is judged more influential than b with probability 1 / (1 + exp(-slope * (raw_a - raw_b))) (Bradley and Terry 1952), with raw as the score has it, over all networks, from measures computed anew as of the published moment. '
'Fitted by penalised likelihood: weights are not negative, and those but authority sum to 1; lambda / 2 * slope^2 * sum of v * (weight - current weight)^2 pulls them to the current ones (v: mean square difference of the measure in the pairs), and the slope has a weak normal prior. '
'A measure in which no pair differs keeps its weight. lambda: that of 10 to 1e-4 with the least cross-validated log-loss (Hastie et al. 2009, 7.10). '
'weight: learned; current_weight: in influence.models; slope: log-odds per unit of raw; pairs, pairs_unknown: as for influence_evaluate(); '
'accuracy, log_loss: of held-out pairs, for the learned weights; current_accuracy, current_log_loss: for the current ones. '
'Runs the query with the rights of the caller, who must own the model, and reads the sources with those of its owner. '
'Errors: 42704 no such model, 42501 not yours, 22004 for a null, 42703, 42702 or 42804 for bad columns, '
'22023 for no pairs, none with two scores, fewer than folds, a bad number of folds, or one person on both sides of a row, '
'22000 when all pairs are tied or contradict every measure, 54000 not converged, and those of a refresh when it reads the sources';
