-- Publish: the one short step that makes a load visible. Figures, daily figures, the run's row
-- and the ledger's version change together or not at all. What is slow was done before: here only
-- sums of chunks are added. Lock order: dataset, run, version.

-- Adds to the figures of a dataset those of a load that comes and what orders change that several
-- loads hold, and takes out those of loads that go. Exact, since numerics add exactly. A day or a
-- pair of days without orders has no row.
CREATE FUNCTION takings.shift_figures(
    p_dataset_id integer, p_comes integer, p_go integer[], p_across takings.figures
) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_least_of_days bigint;
    v_least_of_pairs bigint;
BEGIN
    WITH changes AS (
        SELECT CASE WHEN load_id = p_comes THEN 1 ELSE -1 END AS sign, figures FROM load_chunk
            WHERE load_id = ANY (p_go || p_comes)
        UNION ALL SELECT 1, p_across
    ), shifted AS (
        INSERT INTO daily_revenue AS kept (dataset_id, sale_date, revenue, line_count, order_count)
        SELECT p_dataset_id, day, sum(sign * revenue), sum(sign * line_count),
            sum(sign * order_count)
        FROM changes, unnest((figures).days, (figures).revenues, (figures).line_counts,
            (figures).order_counts) days (day, revenue, line_count, order_count)
        GROUP BY day ORDER BY day
        ON CONFLICT (dataset_id, sale_date) DO UPDATE SET
            revenue = kept.revenue + excluded.revenue,
            line_count = kept.line_count + excluded.line_count,
            order_count = kept.order_count + excluded.order_count
        RETURNING least(line_count, order_count) AS least
    ) SELECT min(least) INTO v_least_of_days FROM shifted;

    WITH changes AS (
        SELECT CASE WHEN load_id = p_comes THEN 1 ELSE -1 END AS sign, figures FROM load_chunk
            WHERE load_id = ANY (p_go || p_comes)
        UNION ALL SELECT 1, p_across
    ), shifted AS (
        INSERT INTO order_day_pair AS kept (dataset_id, first_date, second_date, order_count)
        SELECT p_dataset_id, first_date, second_date, sum(sign * pair_count)
        FROM changes, unnest((figures).first_dates, (figures).second_dates,
            (figures).pair_counts) pairs (first_date, second_date, pair_count)
        GROUP BY first_date, second_date ORDER BY first_date, second_date
        ON CONFLICT (dataset_id, first_date, second_date)
            DO UPDATE SET order_count = kept.order_count + excluded.order_count
        RETURNING order_count
    ) SELECT min(order_count) INTO v_least_of_pairs FROM shifted;

    IF least(v_least_of_days, v_least_of_pairs) < 0 THEN
        RAISE EXCEPTION 'The daily figures disagree with the loads: nothing was changed.';
    END IF;
    IF v_least_of_days = 0 THEN
        DELETE FROM daily_revenue WHERE dataset_id = p_dataset_id AND order_count = 0;
    END IF;
    IF v_least_of_pairs = 0 THEN
        DELETE FROM order_day_pair WHERE dataset_id = p_dataset_id AND order_count = 0;
    END IF;
END
$$;

-- Changes which loads of a dataset are live, and the figures with it.
CREATE FUNCTION takings.change_live_loads(
    p_dataset_id integer, p_publish integer, p_end integer[], p_across takings.figures,
    p_end_state text, p_end_by text, p_end_reason text
) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM shift_figures(p_dataset_id, p_publish, p_end, p_across);
    IF cardinality(p_end) > 0 THEN
        UPDATE load SET state = p_end_state, ended_at = now(), ended_by = p_end_by,
                ended_reason = p_end_reason
            WHERE load_id = ANY (p_end);
    END IF;
    UPDATE load SET state = 'live', publish_order = (SELECT coalesce(max(publish_order), 0) + 1
            FROM load WHERE dataset_id = p_dataset_id)
        WHERE load_id = p_publish;
    UPDATE dataset SET version = version + 1, token = gen_random_uuid(), currency = (
            SELECT imported_file.currency FROM load JOIN imported_file USING (imported_file_id)
            WHERE load.dataset_id = p_dataset_id AND state = 'live' LIMIT 1)
        WHERE dataset_id = p_dataset_id;
    PERFORM step_version();
END
$$;

-- Written last, so that who reads it holds up nobody's publish. Replicas hear of it at once.
CREATE FUNCTION takings.step_version() RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    UPDATE ledger_version
        SET version = version + 1, token = gen_random_uuid(), stepped_at = clock_timestamp();
    PERFORM pg_notify('takings_version', '');
END
$$;

-- The live loads of earlier runs of the same import: what publishing this run takes out.
CREATE FUNCTION takings.retiring(p_run takings.imported_file) RETURNS integer[]
LANGUAGE plpgsql STABLE
SET search_path = takings, pg_temp
AS $$
BEGIN
    -- There is no run before the first, and where a later one has begun, this one is superseded.
    IF p_run.run = 1 THEN
        RETURN '{}';
    END IF;
    RETURN (SELECT coalesce(array_agg(load.load_id), '{}')
        FROM load JOIN imported_file USING (imported_file_id)
        WHERE import_id = p_run.import_id AND imported_file.dataset_id = p_run.dataset_id
            AND load.state = 'live');
END
$$;

-- Refuses what must not be published: an old run, another currency than the live loads'.
CREATE FUNCTION takings.check_publishable(p_run takings.imported_file, p_retiring integer[])
RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_newest integer;
    v_currency text;
BEGIN
    SELECT max(run) INTO v_newest FROM imported_file
        WHERE import_id = p_run.import_id AND dataset_id = p_run.dataset_id;
    IF p_run.run < v_newest THEN
        RAISE EXCEPTION USING ERRCODE = 'TK002', MESSAGE = format(
            'Run %s of this import is superseded: its run %s has begun.', p_run.run, v_newest);
    END IF;
    SELECT currency INTO v_currency FROM load JOIN imported_file USING (imported_file_id)
        WHERE load.dataset_id = p_run.dataset_id AND state = 'live'
            AND load.load_id <> ALL (p_retiring) LIMIT 1;
    IF v_currency <> p_run.currency THEN
        RAISE EXCEPTION USING ERRCODE = 'TK005', MESSAGE = format(
            'The dataset holds sales in %s, the file is declared to be in %s: a dataset has one currency. Load it into another dataset, or correct the currency.',
            v_currency, p_run.currency);
    END IF;
END
$$;

-- What was compared must be what is live, else the comparison is done again.
CREATE FUNCTION takings.check_compared(p_dataset_id integer, p_version bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    IF p_version IS DISTINCT FROM (SELECT version FROM dataset WHERE dataset_id = p_dataset_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'TK008', MESSAGE =
            'Other loads are live now than those that this one was compared with.';
    END IF;
END
$$;

-- Whether so many rejected lines of so many read are within a count such as 10 or a share as 2%.
CREATE FUNCTION takings.allows(p_max_rejected text, p_rejected bigint, p_read bigint)
RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_max_rejected LIKE '%\%'
        THEN p_rejected::numeric * 100 <= p_read::numeric * rtrim(p_max_rejected, '%')::numeric
        ELSE p_rejected <= p_max_rejected::numeric END
$$;

-- The run of a live load with the same content, read the same way, that is there as a whole.
CREATE FUNCTION takings.already_loaded(p_run takings.imported_file, p_digest bytea)
RETURNS SETOF takings.imported_file
LANGUAGE plpgsql STABLE
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM FROM imported_file WHERE dataset_id = p_run.dataset_id AND digest = p_digest;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT file.*
        FROM imported_file file JOIN load USING (imported_file_id)
        WHERE file.dataset_id = p_run.dataset_id AND file.digest = p_digest
            AND file.format = p_run.format AND load.state = 'live' AND file.lines_skipped = 0
            AND allows(p_run.max_rejected, file.lines_rejected, file.lines_read)
            AND NOT EXISTS (
                SELECT FROM load_overlap JOIN load later ON later.load_id = load_overlap.load_id
                WHERE earlier_load_id = load.load_id AND replaced > 0 AND later.state = 'live')
        ORDER BY load.publish_order LIMIT 1;
END
$$;

-- Whether a live load has the content of this digest; where that is null, whether one has content of
-- this size (of any, where it is null too), read the same way: then the digest tells.
CREATE FUNCTION takings.may_be_loaded(
    p_run takings.imported_file, p_bytes bigint, p_digest bytea
) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = takings, pg_temp
AS $$
BEGIN
    IF p_digest IS NOT NULL THEN
        RETURN EXISTS (SELECT FROM already_loaded(p_run, p_digest));
    END IF;
    RETURN EXISTS (SELECT FROM load JOIN imported_file file USING (imported_file_id)
        WHERE file.dataset_id = p_run.dataset_id AND file.bytes = coalesce(p_bytes, file.bytes)
            AND file.format = p_run.format AND state = 'live');
END
$$;

-- The quick way to the answer "the same twice": publishes the run without a load of its own.
-- False where no live load has the same content.
CREATE FUNCTION takings.publish_already_loaded(
    p_imported_file_id bigint, p_digest bytea, p_bytes bigint, p_version bigint,
    p_across takings.figures
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file := lock_run(p_imported_file_id);
    v_retiring integer[] := retiring(v_run);
    v_existing imported_file;
BEGIN
    PERFORM check_publishable(v_run, v_retiring);
    SELECT * INTO v_existing FROM already_loaded(v_run, p_digest);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE imported_file SET
        status = 'Published', result = 'AlreadyLoaded', reason = 'AlreadyLoaded',
        digest = p_digest, bytes = p_bytes, existing_load_id = v_existing.load_id,
        lines_read = v_existing.lines_read, lines_rejected = v_existing.lines_rejected,
        lines_skipped = v_existing.lines_read - v_existing.lines_rejected,
        reject_counts = v_existing.reject_counts, first_sale_date = v_existing.first_sale_date,
        last_sale_date = v_existing.last_sale_date, revenue = 0, ended_at = now()
    WHERE imported_file_id = p_imported_file_id;
    -- An earlier run of this import with other content makes way; the load named above stays.
    v_retiring := array_remove(v_retiring, v_existing.load_id);
    IF cardinality(v_retiring) > 0 THEN
        PERFORM check_compared(v_run.dataset_id, p_version);
        PERFORM change_live_loads(v_run.dataset_id, NULL, v_retiring, p_across, 'retired',
            session_user, 'A later run of the same import took its place.');
    END IF;
    RETURN true;
END
$$;

-- A product's price is that of its latest sale.
CREATE FUNCTION takings.note_prices(p_load_id integer) RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
AS $$
    UPDATE product SET latest_price = sold.price, latest_price_date = sold.price_date,
        updated_at = now()
    FROM (
        SELECT DISTINCT ON (product_id) product_id, price_date, price
        FROM load_chunk, unnest(prices)
        WHERE load_id = p_load_id ORDER BY product_id, price_date DESC, chunk DESC) sold
    WHERE product.product_id = sold.product_id
        AND sold.price_date >= coalesce(latest_price_date, '-infinity')
$$;

-- How many lines of a load are rejected, by reason.
CREATE FUNCTION takings.sum_of_rejects(p_load_id integer) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(reason, count), '{}') FROM (
        SELECT key AS reason, sum(value::bigint) AS count
        FROM load_chunk, jsonb_each_text(load_chunk.reject_counts)
        WHERE load_id = p_load_id GROUP BY key) counts
$$;

-- Publishes a load that was compared with the dataset as it was at p_version, with the notes of
-- that comparison (null: it had nothing to note) and no other. Returns the outcome, and whether
-- the run has left something behind that is to be swept.
CREATE FUNCTION takings.publish_load(
    p_load_id integer, p_chunks integer, p_digest bytea, p_bytes bigint, p_lines_skipped bigint,
    p_version bigint, p_comparison bytea, p_across takings.figures,
    p_earlier integer[], p_skipped bigint[], p_replaced bigint[],
    p_lines_read bigint, p_lines_rejected bigint,
    OUT o_outcome jsonb, OUT o_has_debris boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
    v_retiring integer[];
    v_loaded record;
    v_sold record;
    v_reject_counts jsonb := '{}';
BEGIN
    SELECT imported_file_id INTO v_run.imported_file_id FROM load
        WHERE load_id = p_load_id AND state = 'loading';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TK003', MESSAGE = 'The load has ended already.';
    END IF;
    v_run := lock_run(v_run.imported_file_id);
    v_retiring := retiring(v_run);
    PERFORM check_publishable(v_run, v_retiring);
    IF EXISTS (SELECT FROM already_loaded(v_run, p_digest)) THEN
        RAISE EXCEPTION USING ERRCODE = 'TK007', MESSAGE = 'The same content is there already.';
    END IF;
    PERFORM check_compared(v_run.dataset_id, p_version);
    SELECT count(*) FILTER (WHERE chunk BETWEEN 0 AND p_chunks - 1) AS chunks,
            count(*) FILTER (WHERE chunk >= p_chunks) AS others,
            (array_agg(content) FILTER (WHERE chunk = -1))[1] AS comparison,
            coalesce(sum(lines_read), 0) AS lines_read,
            coalesce(sum(lines_rejected), 0) AS lines_rejected
        INTO v_loaded FROM load_chunk WHERE load_id = p_load_id;
    IF v_loaded.comparison IS DISTINCT FROM p_comparison THEN
        RAISE EXCEPTION USING ERRCODE = 'TK008',
            MESSAGE = 'Another importer of the run has compared since.';
    END IF;
    IF v_loaded.chunks <> p_chunks OR v_loaded.others > 0 THEN
        RAISE EXCEPTION 'Not every part of the file is loaded.';
    END IF;
    IF v_loaded.lines_read <> p_lines_read OR v_loaded.lines_rejected <> p_lines_rejected THEN
        RAISE EXCEPTION 'The parts of the file that are loaded are not those that were read.';
    END IF;
    SELECT coalesce(sum(revenue), 0) AS revenue, min(day) AS first_date, max(day) AS last_date,
            coalesce(sum(lines), 0) AS lines
        INTO v_sold FROM (
            SELECT day, sum(revenue) AS revenue, sum(line_count) AS lines
            FROM load_chunk, unnest((figures).days, (figures).revenues, (figures).line_counts)
                days (day, revenue, line_count)
            WHERE load_id = p_load_id GROUP BY day HAVING sum(line_count) > 0) days;
    IF v_sold.lines <> p_lines_read - p_lines_rejected - p_lines_skipped THEN
        RAISE EXCEPTION 'The figures of the load disagree with its lines: nothing was changed.';
    END IF;
    IF p_lines_rejected > 0 THEN
        v_reject_counts := sum_of_rejects(p_load_id);
    END IF;
    UPDATE imported_file SET
        status = 'Published', result = 'Published', reason = 'Published', load_id = p_load_id,
        digest = p_digest, bytes = p_bytes, lines_read = p_lines_read,
        lines_imported = v_sold.lines, lines_skipped = p_lines_skipped,
        lines_rejected = p_lines_rejected, reject_counts = v_reject_counts,
        revenue = v_sold.revenue, first_sale_date = v_sold.first_date,
        last_sale_date = v_sold.last_date, ended_at = now()
    WHERE imported_file_id = v_run.imported_file_id;
    IF cardinality(p_earlier) > 0 THEN
        INSERT INTO load_overlap (load_id, earlier_load_id, skipped, replaced)
            SELECT p_load_id, * FROM unnest(p_earlier, p_skipped, p_replaced);
    END IF;
    PERFORM note_prices(p_load_id);
    PERFORM change_live_loads(v_run.dataset_id, p_load_id, v_retiring, p_across, 'retired',
        session_user, 'A later run of the same import took its place.');
    DELETE FROM claim WHERE imported_file_id = v_run.imported_file_id;
    o_outcome := run_outcome(v_run.imported_file_id);
    o_has_debris := EXISTS (SELECT FROM load
        WHERE imported_file_id = v_run.imported_file_id AND state = 'dropped');
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.publish_already_loaded, takings.publish_load
    TO takings_importer;
