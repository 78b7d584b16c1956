-- Revert: takes what an import has live out of the figures and keeps its record.

-- The load that a revert of the import is about: the live one, else the latest reverted one, of
-- those that the session may write.
CREATE FUNCTION takings.revertible_load(p_import_id uuid)
RETURNS TABLE (load_id integer, dataset_id integer, state text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT load.load_id, load.dataset_id, load.state
        FROM load JOIN imported_file USING (imported_file_id)
        WHERE import_id = p_import_id AND load.state IN ('live', 'reverted')
            AND may_write(load.dataset_id)
        ORDER BY load.state = 'live' DESC, run DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TK006', MESSAGE = format(
            'The import %s has nothing in the ledger that the role %s could revert.',
            p_import_id, session_user);
    END IF;
END
$$;

-- Returns what was taken out and which imports had left lines to it, to be run again. Repeated,
-- it returns the same.
CREATE FUNCTION takings.revert_load(
    p_load_id integer, p_reason text, p_by text, p_version bigint, p_across takings.figures
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_load load;
BEGIN
    PERFORM commit_on_disk();
    PERFORM FROM dataset WHERE dataset_id = (SELECT dataset_id FROM load WHERE load_id = p_load_id)
        FOR NO KEY UPDATE;
    SELECT * INTO v_load FROM load WHERE load_id = p_load_id;
    IF v_load IS NULL OR NOT may_write(v_load.dataset_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'TK001', MESSAGE = format(
            'The database role %s may not write to this load''s dataset.', session_user);
    END IF;
    IF v_load.state = 'live' THEN
        PERFORM check_compared(v_load.dataset_id, p_version);
        PERFORM change_live_loads(v_load.dataset_id, NULL, ARRAY[p_load_id], p_across, 'reverted',
            coalesce(nullif(p_by, ''), session_user), p_reason);
    ELSIF v_load.state <> 'reverted' THEN
        RAISE EXCEPTION USING ERRCODE = 'TK008', MESSAGE = 'The load is no longer live.';
    END IF;
    RETURN reverted(p_load_id);
END
$$;

-- The record of a revert.
CREATE FUNCTION takings.reverted(p_load_id integer) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = takings, pg_temp
AS $$
    SELECT jsonb_build_object(
        'importId', import_id, 'run', run, 'load', load.load_id, 'dataset', dataset.name,
        'lines', lines_imported, 'revenue', trim_scale(revenue)::text,
        'revertedBy', ended_by, 'reason', ended_reason,
        'skippedBy', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('importId', import_id, 'run', run,
                'filename', filename, 'requestedBy', requested_by) ORDER BY imported_file_id), '[]')
            FROM imported_file
            WHERE existing_load_id = p_load_id OR load_id IN (
                SELECT load_overlap.load_id
                FROM load_overlap JOIN load later ON later.load_id = load_overlap.load_id
                WHERE earlier_load_id = p_load_id AND skipped > 0 AND later.state = 'live')))
    FROM load JOIN imported_file USING (imported_file_id)
    JOIN dataset ON dataset.dataset_id = load.dataset_id
    WHERE load.load_id = p_load_id
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.revertible_load, takings.revert_load TO takings_importer;
