-- A load on its way into the ledger: chunk by chunk, each in a transaction of its own, seen by
-- nobody before publish.

-- Claims a file's content for a run that is about to load it: Mine, with its load. Held: a run of
-- another import has claimed it and showed a sign of life within an age, so that it is worth waiting
-- for. Loaded: a live load may have the content, by its digest or, where that is not known yet, by
-- its size; this is asked last, so that who takes over from a run that has just published learns of
-- it.
CREATE FUNCTION takings.claim_content(
    p_imported_file_id bigint, p_content bytea, p_bytes bigint, p_digest bytea,
    p_dead_after interval,
    OUT o_claimed text, OUT o_load_id integer, OUT o_fingerprint_key bytea, OUT o_is_begun boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file := running(p_imported_file_id);
    v_is_mine boolean;
BEGIN
    INSERT INTO claim AS held (dataset_id, content, imported_file_id)
        VALUES (v_run.dataset_id, p_content, p_imported_file_id)
        ON CONFLICT (dataset_id, content) DO UPDATE
            SET imported_file_id = excluded.imported_file_id, seen_at = now()
            WHERE held.seen_at < now() - p_dead_after OR NOT EXISTS (
                SELECT FROM imported_file other
                WHERE other.imported_file_id = held.imported_file_id AND status = 'Running'
                    AND import_id <> v_run.import_id);
    v_is_mine := FOUND;
    IF may_be_loaded(v_run, p_bytes, p_digest) THEN
        o_claimed := 'Loaded';
    ELSIF v_is_mine THEN
        o_claimed := 'Mine';
        SELECT * INTO o_load_id, o_fingerprint_key, o_is_begun FROM open_load(p_imported_file_id);
    ELSE
        o_claimed := 'Held';
    END IF;
END
$$;

-- A sign of life of the run that holds a claim. Nothing where another has taken it over.
CREATE FUNCTION takings.keep_claim(p_imported_file_id bigint, p_content bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM commit_without_waiting();
    UPDATE claim SET seen_at = now()
        WHERE imported_file_id = p_imported_file_id AND content = p_content
            AND may_write(dataset_id);
END
$$;

-- The run's load: the one that an earlier try began and may have loaded chunks of, or a new one.
CREATE FUNCTION takings.open_load(
    p_imported_file_id bigint,
    OUT o_load_id integer, OUT o_fingerprint_key bytea, OUT o_is_begun boolean
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file := running(p_imported_file_id);
BEGIN
    INSERT INTO load (load_id, dataset_id, imported_file_id)
        VALUES (nextval('load_id'), v_run.dataset_id, p_imported_file_id)
        ON CONFLICT (imported_file_id) WHERE state <> 'dropped' DO NOTHING;
    o_is_begun := NOT FOUND;
    SELECT load_id, fingerprint_key INTO o_load_id, o_fingerprint_key
        FROM load JOIN dataset USING (dataset_id)
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
CREATE FUNCTION takings.numbers_of(p_table text, p_dataset_id integer, p_names text[])
RETURNS integer[]
LANGUAGE plpgsql
SET search_path = takings, pg_temp
-- Where a chunk has many new names, the whole table would be read anew for each.
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_numbers integer[] := '{}';
BEGIN
    IF cardinality(p_names) > 0 THEN
        -- In one order, so that two importers wait for each other at most once.
        EXECUTE format('INSERT INTO %1$I (dataset_id, name)
            SELECT DISTINCT $1, name FROM unnest($2) name
            WHERE NOT EXISTS (
                SELECT FROM %1$I kept WHERE kept.dataset_id = $1 AND kept.name = name.name)
            ORDER BY name ON CONFLICT DO NOTHING', p_table) USING p_dataset_id, p_names;
        EXECUTE format('SELECT array_agg((SELECT %1$I FROM %2$I kept
                WHERE kept.dataset_id = $1 AND kept.name = named.name) ORDER BY place)
            FROM unnest($2) WITH ORDINALITY named (name, place)', p_table || '_id', p_table)
            INTO v_numbers USING p_dataset_id, p_names;
    END IF;
    RETURN v_numbers;
END
$$;

-- The same for all names of a chunk, one table after the other: always in this order.
CREATE FUNCTION takings.name_ids(
    p_load_id integer, p_products text[], p_locations text[], p_payment_methods text[],
    OUT o_products integer[], OUT o_locations integer[], OUT o_payment_methods integer[]
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := loading_dataset(p_load_id);
BEGIN
    o_products := numbers_of('product', v_dataset_id, p_products);
    o_locations := numbers_of('location', v_dataset_id, p_locations);
    o_payment_methods := numbers_of('payment_method', v_dataset_id, p_payment_methods);
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

-- Removes the lines of loads, and what they were compared by. Returns how many lines. Goes through
-- the whole dataset, for sale has no index: once for all of them, and not where they have no chunk,
-- without which there is no line.
CREATE FUNCTION takings.remove_lines(p_dataset_id integer, p_loads integer[]) RETURNS bigint
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_lines bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM load_chunk WHERE load_id = ANY (p_loads)) THEN
        DELETE FROM sale WHERE dataset_id = p_dataset_id AND load_id = ANY (p_loads);
        GET DIAGNOSTICS v_lines = ROW_COUNT;
        DELETE FROM superseded WHERE dataset_id = p_dataset_id
            AND (load_id = ANY (p_loads) OR by_load_id = ANY (p_loads));
        DELETE FROM order_block WHERE load_id = ANY (p_loads);
        DELETE FROM load_chunk WHERE load_id = ANY (p_loads);
    END IF;
    RETURN v_lines;
END
$$;

-- Forgets loads whose lines are removed, with rejects that nobody can list: a run that found its
-- content loaded already shows those of the load that it names.
CREATE FUNCTION takings.forget_loads(p_loads integer[]) RETURNS void
LANGUAGE sql
SET search_path = takings, pg_temp
AS $$
    DELETE FROM reject USING load JOIN imported_file file USING (imported_file_id)
        WHERE reject.imported_file_id = file.imported_file_id AND result = 'AlreadyLoaded'
            AND load.load_id = ANY (p_loads);
    DELETE FROM load WHERE load_id = ANY (p_loads)
$$;

-- Removes what a run that has ended has left behind: its claim, and its loads where the dataset is
-- so small (1 GiB) that nobody waits long for it. Where it is larger, the loads stay as they are,
-- of no account, until the ledger is maintained. Returns how many loads.
CREATE FUNCTION takings.sweep_run(p_imported_file_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
    v_loads integer[] := '{}';
BEGIN
    SELECT * INTO v_run FROM imported_file
        WHERE imported_file_id = p_imported_file_id AND may_write(dataset_id);
    IF FOUND AND pg_relation_size(format('takings.sale_%s', v_run.dataset_id)) <= 1 << 30 THEN
        v_loads := debris(v_run.dataset_id, p_imported_file_id);
        IF cardinality(v_loads) > 0 THEN
            PERFORM remove_lines(v_run.dataset_id, v_loads);
            PERFORM forget_loads(v_loads);
        END IF;
    END IF;
    -- Last, for who claims the same waits.
    DELETE FROM claim WHERE imported_file_id = v_run.imported_file_id AND v_run.status <> 'Running';
    RETURN cardinality(v_loads);
END
$$;

-- The loads of a dataset that were taken out of the figures before an age and still have lines;
-- locked. None where the age is null. Never a live one, though another has replaced all of it: the
-- revert of that other makes it count again.
CREATE FUNCTION takings.expired_loads(p_dataset_id integer, p_age interval) RETURNS integer[]
LANGUAGE sql
SET search_path = takings, pg_temp
AS $$
    SELECT coalesce(array_agg(load_id), '{}') FROM (
        SELECT load_id FROM load
        WHERE dataset_id = p_dataset_id AND state IN ('retired', 'reverted')
            AND purged_at IS NULL AND ended_at < now() - p_age
        FOR UPDATE SKIP LOCKED) loads
$$;

-- When a run was last seen at work.
CREATE FUNCTION takings.last_seen(p_run takings.imported_file) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT greatest(p_run.started_at, max(opened_at), max(loaded_at),
        (SELECT max(seen_at) FROM claim WHERE imported_file_id = p_run.imported_file_id))
    FROM load LEFT JOIN load_chunk USING (load_id)
    WHERE imported_file_id = p_run.imported_file_id
$$;

-- For the owner: gives up runs without an end that were last seen before an age, removes what runs
-- have left behind in a dataset, and of what has ended what is no longer to be kept: the lines of
-- loads that were taken out of the figures, the values of rejected lines. Null keeps for ever.
CREATE FUNCTION takings.maintain(
    p_dataset_id integer, p_abandon_after interval, p_keep_reverted interval,
    p_keep_reject_values interval
) RETURNS TABLE (abandoned_runs bigint, swept_loads bigint, purged_loads bigint,
    removed_lines bigint, purged_rejects bigint)
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_left integer[];
    v_expired integer[];
BEGIN
    UPDATE imported_file SET status = 'Abandoned', result = 'Abandoned', reason = 'Abandoned',
            error_message = 'The run had no end for so long that it was given up; nothing of it is in the ledger.',
            ended_at = now()
        WHERE dataset_id = p_dataset_id AND status = 'Running'
            AND last_seen(imported_file) < now() - p_abandon_after;
    GET DIAGNOSTICS abandoned_runs = ROW_COUNT;
    v_left := debris(p_dataset_id, NULL);
    v_expired := expired_loads(p_dataset_id, p_keep_reverted);
    removed_lines := remove_lines(p_dataset_id, v_left || v_expired);
    PERFORM forget_loads(v_left);
    UPDATE load SET purged_at = now() WHERE load_id = ANY (v_expired);
    swept_loads := cardinality(v_left);
    purged_loads := cardinality(v_expired);
    UPDATE reject SET value = NULL FROM imported_file file
        WHERE file.imported_file_id = reject.imported_file_id AND dataset_id = p_dataset_id
            AND file.ended_at < now() - p_keep_reject_values AND value IS NOT NULL;
    GET DIAGNOSTICS purged_rejects = ROW_COUNT;
    DELETE FROM claim USING imported_file file
        WHERE file.imported_file_id = claim.imported_file_id AND claim.dataset_id = p_dataset_id
            AND status <> 'Running';
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.claim_content, takings.keep_claim, takings.open_load,
    takings.loaded_chunks, takings.name_ids, takings.add_chunk, takings.add_order_blocks,
    takings.drop_load, takings.sweep_run TO takings_importer;
