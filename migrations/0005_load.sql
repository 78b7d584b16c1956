-- A load on its way into the ledger: chunk by chunk, each in a transaction of its own, seen by
-- nobody before publish.

-- The run's load: the one that an earlier try began, or a new one.
CREATE FUNCTION takings.open_load(p_imported_file_id bigint)
RETURNS TABLE (o_load_id integer, o_fingerprint_key bytea)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file := running(p_imported_file_id);
BEGIN
    INSERT INTO load (load_id, dataset_id, imported_file_id)
        VALUES (nextval('load_id'), v_run.dataset_id, p_imported_file_id)
        ON CONFLICT (imported_file_id) WHERE state <> 'dropped' DO NOTHING;
    RETURN QUERY SELECT load_id, fingerprint_key FROM load JOIN dataset USING (dataset_id)
        WHERE imported_file_id = p_imported_file_id AND state <> 'dropped';
END
$$;

-- The dataset of a load that a run without an end is still at; its end waits for the transaction.
-- Lock order, here and in publish: dataset, run, load.
CREATE FUNCTION takings.loading_dataset(p_load_id integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_imported_file_id bigint;
    v_run imported_file;
BEGIN
    SELECT imported_file_id INTO v_imported_file_id FROM load WHERE load_id = p_load_id;
    IF FOUND THEN
        v_run := running(v_imported_file_id);
    END IF;
    PERFORM FROM load WHERE load_id = p_load_id AND state = 'loading' FOR SHARE;
    -- Else its run has ended, and it may be swept already.
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TK003', MESSAGE = 'The load has ended already.';
    END IF;
    RETURN v_run.dataset_id;
END
$$;

-- The chunks that earlier tries have loaded.
CREATE FUNCTION takings.loaded_chunks(p_load_id integer)
RETURNS TABLE (chunk integer, bytes_read bigint, content bytea, lines_read bigint,
    lines_rejected bigint, reject_counts jsonb, first_day date, last_day date)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    SELECT chunk, bytes_read, content, lines_read, lines_rejected, reject_counts,
        (SELECT min(day) FROM unnest((figures).days) day),
        (SELECT max(day) FROM unnest((figures).days) day)
    FROM load_chunk JOIN load USING (load_id)
    WHERE load_id = p_load_id AND chunk >= 0 AND may_write(dataset_id) ORDER BY chunk
$$;

-- The numbers of names, in their order; a new one where there is none yet.
CREATE FUNCTION takings.name_ids(p_load_id integer, p_table text, p_names text[])
RETURNS integer[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := loading_dataset(p_load_id);
    v_ids integer[];
BEGIN
    IF p_table NOT IN ('product', 'location', 'payment_method') THEN
        RAISE EXCEPTION 'There are no names of %.', p_table;
    END IF;
    -- In one order, so that two importers wait for each other at most once.
    EXECUTE format('INSERT INTO %1$I (dataset_id, name)
        SELECT DISTINCT $1, name FROM unnest($2) name
        WHERE NOT EXISTS (SELECT FROM %1$I kept WHERE kept.dataset_id = $1 AND kept.name = name.name)
        ORDER BY name ON CONFLICT DO NOTHING', p_table) USING v_dataset_id, p_names;
    EXECUTE format('SELECT array_agg((SELECT %1$I FROM %2$I kept
            WHERE kept.dataset_id = $1 AND kept.name = named.name) ORDER BY place)
        FROM unnest($2) WITH ORDINALITY named (name, place)', p_table || '_id', p_table)
        INTO v_ids USING v_dataset_id, p_names;
    RETURN v_ids;
END
$$;

-- Notes a chunk in the transaction that has written its sales and rejects.
CREATE FUNCTION takings.add_chunk(
    p_load_id integer, p_chunk integer, p_bytes_read bigint, p_content bytea, p_lines_read bigint,
    p_lines_rejected bigint, p_reject_counts jsonb, p_first_order bytea, p_last_order bytea,
    p_figures takings.figures, p_prices takings.price[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM loading_dataset(p_load_id);
    INSERT INTO load_chunk VALUES (p_load_id, p_chunk, p_bytes_read, p_content, p_lines_read,
        p_lines_rejected, p_reject_counts, p_first_order, p_last_order, p_figures, p_prices);
END
$$;

-- The order-days of a chunk, in the same transaction.
CREATE FUNCTION takings.add_order_blocks(
    p_load_id integer, p_chunk integer, p_order_counts integer[], p_first bytea[],
    p_last bytea[], p_ids bytea[], p_order_days bytea[], p_fingerprints bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM loading_dataset(p_load_id);
    INSERT INTO order_block (load_id, chunk, block, order_count, first_order, last_order, ids,
            order_days, fingerprints)
        SELECT p_load_id, p_chunk, block - 1, order_count, first, last, ids, order_days,
            fingerprints
        FROM unnest(p_order_counts, p_first, p_last, p_ids, p_order_days, p_fingerprints)
            WITH ORDINALITY
            rows (order_count, first, last, ids, order_days, fingerprints, block);
END
$$;

-- Gives up what was loaded, since the file is another one now: the run's next load is a new one.
CREATE FUNCTION takings.drop_load(p_load_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM loading_dataset(p_load_id);
    UPDATE load SET state = 'dropped' WHERE load_id = p_load_id;
    DELETE FROM reject WHERE imported_file_id =
        (SELECT imported_file_id FROM load WHERE load_id = p_load_id);
END
$$;

-- The loads of a dataset that will never be published, of one run or of all (null); locked.
CREATE FUNCTION takings.debris(p_dataset_id integer, p_imported_file_id bigint)
RETURNS integer[]
LANGUAGE sql
SET search_path = takings, pg_temp
AS $$
    SELECT coalesce(array_agg(load_id), '{}') FROM (
        SELECT load.load_id FROM load JOIN imported_file USING (imported_file_id)
        WHERE load.dataset_id = p_dataset_id
            AND imported_file_id = coalesce(p_imported_file_id, imported_file_id)
            AND (state = 'dropped' OR (state = 'loading' AND status <> 'Running'))
        FOR UPDATE OF load SKIP LOCKED) loads
$$;

-- Removes loads with all that is theirs. Returns how many lines. Goes through the whole dataset,
-- for sale has no index: once for all of them.
CREATE FUNCTION takings.sweep_loads(p_dataset_id integer, p_loads integer[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_lines bigint;
BEGIN
    DELETE FROM sale WHERE dataset_id = p_dataset_id AND load_id = ANY (p_loads);
    GET DIAGNOSTICS v_lines = ROW_COUNT;
    DELETE FROM superseded WHERE dataset_id = p_dataset_id AND by_load_id = ANY (p_loads);
    DELETE FROM order_block WHERE load_id = ANY (p_loads);
    DELETE FROM load_chunk WHERE load_id = ANY (p_loads);
    DELETE FROM load WHERE load_id = ANY (p_loads);
    RETURN v_lines;
END
$$;

-- Removes what a run has left behind, where the dataset is so small (1 GiB) that nobody waits
-- long for it. Where it is larger, the loads stay as they are, of no account, until the ledger is
-- maintained. Returns how many loads.
CREATE FUNCTION takings.sweep_run(p_imported_file_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer;
    v_loads integer[];
BEGIN
    SELECT dataset_id INTO v_dataset_id FROM imported_file
        WHERE imported_file_id = p_imported_file_id AND may_write(dataset_id);
    IF NOT FOUND OR pg_relation_size(format('takings.sale_%s', v_dataset_id)) > 1 << 30 THEN
        RETURN 0;
    END IF;
    v_loads := debris(v_dataset_id, p_imported_file_id);
    IF cardinality(v_loads) > 0 THEN
        PERFORM sweep_loads(v_dataset_id, v_loads);
    END IF;
    RETURN cardinality(v_loads);
END
$$;

-- For the owner: gives up runs that began before an age and have no end, and removes what runs
-- have left behind in a dataset. Returns how many runs, loads and lines.
CREATE FUNCTION takings.maintain(p_dataset_id integer, p_age interval)
RETURNS TABLE (abandoned_runs bigint, swept_loads bigint, removed_lines bigint)
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_loads integer[];
BEGIN
    UPDATE imported_file SET status = 'Abandoned', result = 'Abandoned', reason = 'Abandoned',
            error_message = 'The run had no end for so long that it was given up; nothing of it is in the ledger.',
            ended_at = now()
        WHERE dataset_id = p_dataset_id AND status = 'Running' AND started_at < now() - p_age;
    GET DIAGNOSTICS abandoned_runs = ROW_COUNT;
    v_loads := debris(p_dataset_id, NULL);
    swept_loads := cardinality(v_loads);
    removed_lines := 0;
    IF swept_loads > 0 THEN
        removed_lines := sweep_loads(p_dataset_id, v_loads);
    END IF;
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.open_load, takings.loaded_chunks, takings.name_ids,
    takings.add_chunk, takings.add_order_blocks, takings.drop_load, takings.sweep_run
    TO takings_importer;
