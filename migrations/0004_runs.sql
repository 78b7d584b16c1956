-- A run from its beginning to an end that put nothing into the ledger. Ends are final.

-- Until a run has an end, its COMMITs need not wait for the disk: what a crash of the server takes
-- away of it, always the last of it, the next try does again.
CREATE FUNCTION takings.commit_without_waiting() RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
END
$$;

-- How a run ended is told at once: it is on disk by then, and all that was written before it.
CREATE FUNCTION takings.commit_on_disk() RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$$;

-- The run's row, made where it is new. The caller looks at its status: only Running goes on, and
-- has then the settings of the latest try.
CREATE FUNCTION takings.begin_run(
    p_import_id uuid, p_run integer, p_dataset text, p_currency text, p_filename text,
    p_source text, p_format text, p_on_overlap text, p_max_rejected text,
    p_requested_by text, p_request_id text
) RETURNS TABLE (o_imported_file_id bigint, o_dataset_id integer, o_status text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := writable_dataset(p_dataset);
    v_newest integer;
BEGIN
    PERFORM commit_without_waiting();
    SELECT max(run) INTO v_newest FROM imported_file
        WHERE import_id = p_import_id AND dataset_id = v_dataset_id;
    IF p_run < v_newest THEN
        PERFORM FROM imported_file WHERE import_id = p_import_id
            AND dataset_id = v_dataset_id AND run = p_run AND status <> 'Running';
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TK002', MESSAGE = format(
                'Run %s of this import is superseded: its run %s has begun.', p_run, v_newest);
        END IF;
    END IF;
    INSERT INTO imported_file (dataset_id, import_id, run, currency, filename, source, format,
            on_overlap, max_rejected, requested_by, request_id)
        VALUES (v_dataset_id, p_import_id, p_run, p_currency, p_filename, p_source, p_format,
            p_on_overlap, p_max_rejected, p_requested_by, p_request_id)
        ON CONFLICT (import_id, dataset_id, run) DO UPDATE SET
            currency = excluded.currency, filename = excluded.filename, source = excluded.source,
            format = excluded.format, on_overlap = excluded.on_overlap,
            max_rejected = excluded.max_rejected
        WHERE imported_file.status = 'Running';
    RETURN QUERY SELECT imported_file_id, dataset_id, status FROM imported_file
        WHERE import_id = p_import_id AND dataset_id = v_dataset_id AND run = p_run;
END
$$;

-- Only a run without an end, of a dataset that the session may write.
CREATE FUNCTION takings.check_running(p_run takings.imported_file) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
BEGIN
    IF p_run IS NULL OR NOT may_write(p_run.dataset_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'TK001', MESSAGE = format(
            'The database role %s may not write to this run''s dataset.', session_user);
    END IF;
    IF p_run.status <> 'Running' THEN
        RAISE EXCEPTION USING ERRCODE = 'TK003', MESSAGE = format(
            'The run has ended already: %s.', p_run.status);
    END IF;
END
$$;

-- Locks the run and, before it, its dataset: one publish, revert or end at a time in a dataset.
CREATE FUNCTION takings.lock_run(p_imported_file_id bigint) RETURNS takings.imported_file
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
BEGIN
    PERFORM FROM dataset JOIN imported_file USING (dataset_id)
        WHERE imported_file_id = p_imported_file_id FOR NO KEY UPDATE OF dataset;
    SELECT * INTO v_run FROM imported_file WHERE imported_file_id = p_imported_file_id
        FOR NO KEY UPDATE;
    PERFORM check_running(v_run);
    PERFORM commit_on_disk();
    RETURN v_run;
END
$$;

-- The run while it has no end, kept from ending until the transaction does.
CREATE FUNCTION takings.running(p_imported_file_id bigint) RETURNS takings.imported_file
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
BEGIN
    SELECT * INTO v_run FROM imported_file WHERE imported_file_id = p_imported_file_id FOR SHARE;
    PERFORM check_running(v_run);
    PERFORM commit_without_waiting();
    RETURN v_run;
END
$$;

-- Records rejected lines of a run, in the transaction that loads or refuses them.
CREATE FUNCTION takings.add_rejects(
    p_imported_file_id bigint, p_lines integer[], p_columns text[], p_values text[],
    p_reasons text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM running(p_imported_file_id);
    INSERT INTO reject (imported_file_id, line, column_name, value, reason)
        SELECT p_imported_file_id, * FROM unnest(p_lines, p_columns, p_values, p_reasons)
        ON CONFLICT DO NOTHING;
END
$$;

-- Ends a run whose input can't be loaded. Of its rejected lines the first 10,000 stay,
-- and none from the line on where the file breaks, if it does.
CREATE FUNCTION takings.refuse_run(
    p_imported_file_id bigint, p_reason text, p_message text, p_digest bytea, p_bytes bigint,
    p_lines_read bigint, p_lines_skipped bigint, p_lines_rejected bigint,
    p_first_sale_date date, p_last_sale_date date, p_conflicts jsonb, p_reject_counts jsonb,
    p_broken_at integer
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM lock_run(p_imported_file_id);
    UPDATE imported_file SET
        status = 'Refused', result = 'Refused', reason = p_reason, error_message = p_message,
        digest = p_digest, bytes = p_bytes, lines_read = p_lines_read,
        lines_skipped = p_lines_skipped, lines_rejected = p_lines_rejected,
        lines_valid = p_lines_read - p_lines_skipped - p_lines_rejected,
        first_sale_date = p_first_sale_date, last_sale_date = p_last_sale_date,
        conflicts = p_conflicts, reject_counts = p_reject_counts, ended_at = now()
    WHERE imported_file_id = p_imported_file_id;
    DELETE FROM reject WHERE imported_file_id = p_imported_file_id
        AND (line >= p_broken_at OR line > (
            SELECT line FROM reject WHERE imported_file_id = p_imported_file_id
            ORDER BY line OFFSET 9999 LIMIT 1));
END
$$;

-- Ends a run of which nobody knows the end: what was published stays, anything else is abandoned
-- and can never publish. Waits for a publish that is under way. Returns the run's row.
CREATE FUNCTION takings.settle_run(p_import_id uuid, p_run integer, p_dataset text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := writable_dataset(p_dataset);
    v_imported_file_id bigint;
BEGIN
    PERFORM commit_on_disk();
    INSERT INTO imported_file (dataset_id, import_id, run, currency, filename, source, format,
            on_overlap, max_rejected, requested_by, request_id)
        VALUES (v_dataset_id, p_import_id, p_run, 'XXX', '', '', '', 'fail', '0', '', '')
        ON CONFLICT DO NOTHING;
    UPDATE imported_file SET status = 'Abandoned', result = 'Abandoned', reason = 'Abandoned',
            error_message = 'The run was given up before it had published; nothing of it is in the ledger.',
            ended_at = now()
        WHERE import_id = p_import_id AND dataset_id = v_dataset_id AND run = p_run
            AND status = 'Running';
    SELECT imported_file_id INTO STRICT v_imported_file_id FROM imported_file
        WHERE import_id = p_import_id AND dataset_id = v_dataset_id AND run = p_run;
    RETURN v_imported_file_id;
END
$$;

-- The first rejected lines of a run, as outcomes show them.
CREATE FUNCTION takings.shown_rejects(p_imported_file_id bigint) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('line', line, 'column', column_name,
        'value', coalesce(value, ''), 'reason', reason) ORDER BY line), '[]')
    FROM (SELECT * FROM reject WHERE imported_file_id = p_imported_file_id
        ORDER BY line LIMIT 10) shown
$$;

-- The outcome of a run that has ended, field names as in a SalesImport's status; null otherwise.
CREATE FUNCTION takings.run_outcome(p_imported_file_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
    v_existing imported_file;
    v_dataset text;
    v_rejects jsonb := '[]';
BEGIN
    SELECT * INTO v_run FROM imported_file WHERE imported_file_id = p_imported_file_id;
    IF v_run.result IS NULL OR NOT may_write(v_run.dataset_id) THEN
        RETURN NULL;
    END IF;
    IF v_run.existing_load_id IS NOT NULL THEN
        SELECT file.* INTO v_existing FROM load JOIN imported_file file USING (imported_file_id)
            WHERE load.load_id = v_run.existing_load_id;
    END IF;
    SELECT name INTO v_dataset FROM dataset WHERE dataset_id = v_run.dataset_id;
    IF v_run.status <> 'Published' OR v_run.lines_rejected > 0 THEN
        v_rejects := shown_rejects(
            coalesce(v_existing.imported_file_id, v_run.imported_file_id));
    END IF;
    RETURN jsonb_build_object(
        'importId', v_run.import_id, 'run', v_run.run, 'result', v_run.result,
        'reason', v_run.reason, 'message', coalesce(v_run.error_message, ''),
        'load', v_run.load_id, 'dataset', v_dataset, 'currency', v_run.currency,
        'digest', encode(v_run.digest, 'hex'), 'bytes', v_run.bytes,
        'linesRead', v_run.lines_read, 'linesImported', v_run.lines_imported,
        'linesSkipped', v_run.lines_skipped, 'linesRejected', v_run.lines_rejected,
        'linesValid', v_run.lines_valid, 'firstSaleDate', v_run.first_sale_date,
        'lastSaleDate', v_run.last_sale_date, 'revenue', trim_scale(v_run.revenue)::text,
        'existing', CASE WHEN v_existing.imported_file_id IS NOT NULL
            THEN jsonb_build_object('importId', v_existing.import_id, 'run', v_existing.run,
                'load', v_existing.load_id, 'filename', v_existing.filename,
                'requestedBy', v_existing.requested_by) END,
        'rejects', v_rejects, 'conflicts', v_run.conflicts);
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.begin_run, takings.add_rejects, takings.refuse_run,
    takings.settle_run, takings.run_outcome TO takings_importer;
