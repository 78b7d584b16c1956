-- Publish: the one short step that makes a load visible. Figures, daily figures, the run's row
-- and the ledger's version change together or not at all. Lock order: dataset, run, version.

-- Moves the figures by the orders that these loads hold, as they count at this moment: with -1
-- before which loads are live changes, with +1 after it. Exact, since numerics add exactly.
CREATE FUNCTION takings.shift_figures(p_dataset_id integer, p_load_ids integer[], p_sign integer)
RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
SET work_mem = '64MB'
AS $$
    WITH touched AS MATERIALIZED (
        SELECT DISTINCT order_id FROM order_day
        WHERE dataset_id = p_dataset_id AND load_id = ANY (p_load_ids)
    ), live AS MATERIALIZED (
        -- The version of each of their order-days that counts.
        -- Looked up by key, not joined: nobody knows how many rows a load has just written, and
        -- a join planned for one row compares all with all.
        SELECT DISTINCT ON (order_id, sale_date) order_id, sale_date, line_count, revenue
        FROM touched
        CROSS JOIN LATERAL (
            SELECT sale_date, line_count, revenue, load_id FROM order_day
            WHERE dataset_id = p_dataset_id AND order_day.order_id = touched.order_id
            OFFSET 0) versions
        JOIN load USING (load_id)
        WHERE load.state = 'live'
        ORDER BY order_id, sale_date, publish_order DESC
    ), pairs AS (
        SELECT sale_date AS first_date,
            lead(sale_date) OVER (PARTITION BY order_id ORDER BY sale_date) AS second_date
        FROM live
    ), shift_pairs AS (
        INSERT INTO order_day_pair AS kept (dataset_id, first_date, second_date, order_count)
        SELECT p_dataset_id, first_date, second_date, p_sign * count(*)
        FROM pairs WHERE second_date IS NOT NULL GROUP BY first_date, second_date
        ON CONFLICT (dataset_id, first_date, second_date)
            DO UPDATE SET order_count = kept.order_count + excluded.order_count
    )
    INSERT INTO daily_revenue AS kept (dataset_id, sale_date, revenue, line_count, order_count)
    SELECT p_dataset_id, sale_date, p_sign * sum(revenue), p_sign * sum(line_count),
        p_sign * count(*)
    FROM live GROUP BY sale_date
    ON CONFLICT (dataset_id, sale_date) DO UPDATE SET
        revenue = kept.revenue + excluded.revenue,
        line_count = kept.line_count + excluded.line_count,
        order_count = kept.order_count + excluded.order_count
$$;

-- Changes which loads of a dataset are live, and the figures with it.
CREATE FUNCTION takings.change_live_loads(
    p_dataset_id integer, p_publish integer, p_imported_file_id bigint,
    p_end integer[], p_end_state text, p_end_by text, p_end_reason text
) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_changed integer[] := array_remove(p_end || p_publish, NULL);
BEGIN
    IF EXISTS (SELECT FROM load WHERE dataset_id = p_dataset_id AND state = 'live') THEN
        PERFORM shift_figures(p_dataset_id, v_changed, -1);
    END IF;
    UPDATE load SET state = p_end_state, ended_at = now(), ended_by = p_end_by,
            ended_reason = p_end_reason
        WHERE load_id = ANY (p_end);
    INSERT INTO load (load_id, dataset_id, imported_file_id, publish_order)
        SELECT p_publish, p_dataset_id, p_imported_file_id, coalesce(max(publish_order), 0) + 1
        FROM load WHERE dataset_id = p_dataset_id HAVING p_publish IS NOT NULL;
    PERFORM shift_figures(p_dataset_id, v_changed, 1);
    DELETE FROM daily_revenue WHERE dataset_id = p_dataset_id AND order_count = 0;
    DELETE FROM order_day_pair WHERE dataset_id = p_dataset_id AND order_count = 0;
    IF EXISTS (SELECT FROM daily_revenue WHERE dataset_id = p_dataset_id
                AND least(order_count, line_count) < 0)
            OR EXISTS (SELECT FROM order_day_pair WHERE dataset_id = p_dataset_id
                AND order_count < 0) THEN
        RAISE EXCEPTION 'The daily figures disagree with the loads: nothing was changed.';
    END IF;
    UPDATE dataset SET currency = (
            SELECT imported_file.currency FROM load JOIN imported_file USING (imported_file_id)
            WHERE load.dataset_id = p_dataset_id AND state = 'live' LIMIT 1)
        WHERE dataset_id = p_dataset_id;
END
$$;

-- Written last, so that who reads it holds up nobody's publish.
CREATE FUNCTION takings.step_version() RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
AS $$
    UPDATE ledger_version
    SET version = version + 1, token = gen_random_uuid(), stepped_at = clock_timestamp()
$$;

-- The live loads of earlier runs of the same import: what publishing this run takes out.
CREATE FUNCTION takings.retiring(p_run takings.imported_file) RETURNS integer[]
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT coalesce(array_agg(load.load_id), '{}')
    FROM load JOIN imported_file USING (imported_file_id)
    WHERE import_id = p_run.import_id AND imported_file.dataset_id = p_run.dataset_id
        AND load.state = 'live'
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
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT file.*
    FROM imported_file file JOIN load USING (imported_file_id)
    WHERE file.dataset_id = p_run.dataset_id AND file.digest = p_digest
        AND file.format = p_run.format AND load.state = 'live' AND file.lines_skipped = 0
        AND allows(p_run.max_rejected, file.lines_rejected, file.lines_read)
        AND NOT EXISTS (
            SELECT FROM load_overlap JOIN load later ON later.load_id = load_overlap.load_id
            WHERE earlier_load_id = load.load_id AND replaced > 0 AND later.state = 'live')
    ORDER BY load.publish_order LIMIT 1
$$;

-- The quick way to the answer "the same twice": publishes the run without a load of its own.
-- False where no live load has the same content.
CREATE FUNCTION takings.publish_already_loaded(
    p_imported_file_id bigint, p_digest bytea, p_bytes bigint
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
        PERFORM change_live_loads(v_run.dataset_id, NULL, NULL, v_retiring, 'retired',
            session_user, 'A later run of the same import took its place.');
        PERFORM step_version();
    END IF;
    RETURN true;
END
$$;

-- A new key for the lines of a run that is about to be loaded.
CREATE FUNCTION takings.open_load() RETURNS integer
LANGUAGE sql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$ SELECT nextval('load_id')::integer $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.publish_already_loaded, takings.open_load TO takings_importer;
