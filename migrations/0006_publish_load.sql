-- Publish, second half: a load's lines, compared with what is live, become figures.

-- The load's order-days, each beside the load whose version of it counts now.
CREATE FUNCTION takings.gather_order_days(
    p_dataset_id integer, p_load_id integer, p_retiring integer[]
) RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
SET work_mem = '64MB'
AS $$
    INSERT INTO order_day (dataset_id, load_id, sale_date, earlier_load_id, order_id, line_count,
        revenue, fingerprint)
    SELECT p_dataset_id, p_load_id, sale_date,
        -- Looked for only where anything else is live at all.
        CASE WHEN EXISTS (SELECT FROM load WHERE dataset_id = p_dataset_id AND state = 'live'
                AND load_id <> ALL (p_retiring)) THEN (
            SELECT earlier.load_id
            FROM order_day earlier JOIN load ON load.load_id = earlier.load_id
            WHERE earlier.dataset_id = p_dataset_id AND earlier.order_id = sale.order_id
                AND earlier.sale_date = sale.sale_date AND load.state = 'live'
                AND load.load_id <> ALL (p_retiring)
            ORDER BY publish_order DESC LIMIT 1) END,
        order_id, count(*), sum(line_total),
        -- Equal order-days: the same lines in any order, numbers by value.
        sha256(fingerprint_key || convert_to(array_agg(line_text ORDER BY line_text)::text, 'UTF8'))
    FROM (
        SELECT sale_date, order_id, line_total, ROW(product, location, payment_method, client,
            trim_scale(quantity), trim_scale(line_total))::text COLLATE "C" AS line_text
        FROM sale WHERE dataset_id = p_dataset_id AND load_id = p_load_id) sale
    CROSS JOIN (SELECT fingerprint_key FROM dataset WHERE dataset_id = p_dataset_id) dataset
    GROUP BY order_id, sale_date, fingerprint_key
$$;

-- The order-days of a load that are there already: with the same lines, or with others.
-- Here and below, what belongs to a row is looked up by key in a subquery, not joined (see
-- shift_figures).
CREATE FUNCTION takings.met_order_days(p_dataset_id integer, p_load_id integer)
RETURNS TABLE (order_id text, sale_date date, line_count bigint, earlier_load_id integer, same boolean)
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT order_id, sale_date, line_count, earlier_load_id, fingerprint = (
        SELECT earlier.fingerprint FROM order_day earlier
        WHERE earlier.dataset_id = mine.dataset_id AND earlier.order_id = mine.order_id
            AND earlier.sale_date = mine.sale_date AND earlier.load_id = mine.earlier_load_id)
    FROM order_day mine
    WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND earlier_load_id IS NOT NULL
$$;

-- Under `onOverlap: Fail`, ends the transaction where any order-day conflicts, telling which.
CREATE FUNCTION takings.fail_on_conflict(p_dataset_id integer, p_load_id integer) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    v_detail jsonb;
BEGIN
    SELECT jsonb_build_object(
        'orderDays', count(*) FILTER (WHERE NOT same),
        'linesSkipped', coalesce(sum(line_count) FILTER (WHERE same), 0),
        'conflicts', (
            SELECT coalesce(jsonb_agg(first), '[]') FROM (
                SELECT order_id AS "orderId", met.sale_date AS "saleDate",
                    import_id AS "importId", met.earlier_load_id AS "load"
                FROM met_order_days(p_dataset_id, p_load_id) met
                JOIN load ON load.load_id = met.earlier_load_id
                JOIN imported_file USING (imported_file_id)
                WHERE NOT same ORDER BY met.sale_date, order_id LIMIT 20) first))
    INTO v_detail FROM met_order_days(p_dataset_id, p_load_id);
    IF (v_detail ->> 'orderDays')::bigint > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'TK004', DETAIL = v_detail::text, MESSAGE = format(
            '%s order-days are in the ledger with other lines. Nothing was loaded: see conflicts, and choose onOverlap Skip (what is there stays) or Replace (these lines take their place).',
            v_detail ->> 'orderDays');
    END IF;
END
$$;

-- Takes out of the load what is there already, and under Skip what is there with other lines.
-- Returns how many lines that are; records whom the load met and how.
CREATE FUNCTION takings.leave_to_earlier(
    p_dataset_id integer, p_load_id integer, p_on_overlap text, p_retiring integer[]
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = takings, pg_temp
-- A plan kept from when the tables were small would be the wrong one.
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    v_lines bigint;
BEGIN
    WITH skipped AS (
        DELETE FROM order_day mine
        WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND earlier_load_id IS NOT NULL
            AND (p_on_overlap = 'skip' OR fingerprint = (
                SELECT earlier.fingerprint FROM order_day earlier
                WHERE earlier.dataset_id = mine.dataset_id AND earlier.order_id = mine.order_id
                    AND earlier.sale_date = mine.sale_date
                    AND earlier.load_id = mine.earlier_load_id))
        RETURNING line_count, earlier_load_id
    ), recorded AS (
        INSERT INTO load_overlap (load_id, earlier_load_id, skipped)
        SELECT p_load_id, earlier_load_id, count(*) FROM skipped GROUP BY earlier_load_id
    )
    SELECT coalesce(sum(line_count), 0) INTO v_lines FROM skipped;
    IF v_lines > 0 THEN
        DELETE FROM sale
        WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND (
            SELECT kept.load_id FROM order_day kept
            WHERE kept.dataset_id = p_dataset_id AND kept.order_id = sale.order_id
                AND kept.sale_date = sale.sale_date AND kept.load_id = p_load_id) IS NULL;
    END IF;
    -- What is left and was met is replaced: in every live load that holds it, so that each of
    -- them is known to be no longer there as a whole.
    INSERT INTO load_overlap AS kept (load_id, earlier_load_id, replaced)
    SELECT p_load_id, load.load_id, count(*)
    FROM order_day mine
    CROSS JOIN LATERAL (
        SELECT earlier.load_id FROM order_day earlier
        WHERE earlier.dataset_id = mine.dataset_id AND earlier.order_id = mine.order_id
            AND earlier.sale_date = mine.sale_date AND earlier.load_id <> mine.load_id
        OFFSET 0) earlier
    JOIN load ON load.load_id = earlier.load_id
    WHERE mine.dataset_id = p_dataset_id AND mine.load_id = p_load_id
        AND mine.earlier_load_id IS NOT NULL
        AND load.state = 'live' AND load.load_id <> ALL (p_retiring)
    GROUP BY load.load_id
    ON CONFLICT (earlier_load_id, load_id) DO UPDATE SET replaced = excluded.replaced;
    RETURN v_lines;
END
$$;

-- Notes the names that the load holds; a product's price is that of its latest sale.
CREATE FUNCTION takings.note_names(p_dataset_id integer, p_load_id integer) RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
SET work_mem = '64MB'
AS $$
    INSERT INTO product AS kept (dataset_id, name, latest_price, latest_price_date)
    SELECT p_dataset_id, product, latest[3], date '2000-01-01' + latest[1]::integer
    FROM (
        -- Arrays compare element by element: the latest day, on it the last line, its price.
        SELECT product, max(ARRAY[sale_date - date '2000-01-01', line, unit_price]::numeric[])
            FILTER (WHERE unit_price IS NOT NULL) AS latest
        FROM sale
        WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND product IS NOT NULL
        GROUP BY product) sold
    ON CONFLICT (dataset_id, name) DO UPDATE SET
        latest_price = excluded.latest_price, latest_price_date = excluded.latest_price_date,
        updated_at = now()
    WHERE excluded.latest_price_date >= coalesce(kept.latest_price_date, '-infinity');

    INSERT INTO location (dataset_id, name)
    SELECT DISTINCT p_dataset_id, location FROM sale
    WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND location IS NOT NULL
    ON CONFLICT DO NOTHING;

    INSERT INTO payment_method (dataset_id, name)
    SELECT DISTINCT p_dataset_id, payment_method FROM sale
    WHERE dataset_id = p_dataset_id AND load_id = p_load_id AND payment_method IS NOT NULL
    ON CONFLICT DO NOTHING
$$;

-- Publishes the lines that this transaction has written under p_load_id.
CREATE FUNCTION takings.publish_load(
    p_imported_file_id bigint, p_load_id integer, p_digest bytea, p_bytes bigint,
    p_lines_read bigint, p_lines_rejected bigint, p_reject_counts jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file := lock_run(p_imported_file_id);
    v_retiring integer[] := retiring(v_run);
    v_skipped bigint;
BEGIN
    PERFORM check_publishable(v_run, v_retiring);
    IF EXISTS (SELECT FROM already_loaded(v_run, p_digest)) THEN
        RAISE EXCEPTION USING ERRCODE = 'TK007', MESSAGE = 'The same content is there already.';
    END IF;
    IF p_lines_rejected <> (SELECT count(*) FROM reject
            WHERE imported_file_id = p_imported_file_id) THEN
        RAISE EXCEPTION 'Not every rejected line is on record.';
    END IF;
    PERFORM gather_order_days(v_run.dataset_id, p_load_id, v_retiring);
    IF v_run.on_overlap = 'fail' THEN
        PERFORM fail_on_conflict(v_run.dataset_id, p_load_id);
    END IF;
    v_skipped := leave_to_earlier(v_run.dataset_id, p_load_id, v_run.on_overlap, v_retiring);
    -- The counts come from what is in the tables, not from the client: they can't disagree.
    UPDATE imported_file SET
        status = 'Published', result = 'Published', reason = 'Published', load_id = p_load_id,
        digest = p_digest, bytes = p_bytes, lines_read = p_lines_read,
        lines_rejected = p_lines_rejected, reject_counts = p_reject_counts,
        lines_skipped = v_skipped, lines_imported = facts.lines, revenue = facts.revenue,
        first_sale_date = facts.first_date, last_sale_date = facts.last_date, ended_at = now()
    FROM (
        SELECT coalesce(sum(line_count), 0) AS lines, coalesce(sum(revenue), 0) AS revenue,
            min(sale_date) AS first_date, max(sale_date) AS last_date
        FROM order_day WHERE dataset_id = v_run.dataset_id AND load_id = p_load_id) facts
    WHERE imported_file_id = p_imported_file_id;
    PERFORM note_names(v_run.dataset_id, p_load_id);
    PERFORM change_live_loads(v_run.dataset_id, p_load_id, p_imported_file_id, v_retiring,
        'retired', session_user, 'A later run of the same import took its place.');
    PERFORM step_version();
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.publish_load TO takings_importer;
