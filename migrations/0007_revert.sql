-- Revert: takes what an import has live out of the figures and keeps its record.

-- Returns what was taken out and which imports had left lines to it, to be run again. Repeated,
-- it returns the same.
CREATE FUNCTION takings.revert_import(p_import_id uuid, p_reason text, p_by text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer;
    v_load load;
BEGIN
    -- Its latest load that the session may write.
    SELECT load.dataset_id INTO v_dataset_id
        FROM load JOIN imported_file USING (imported_file_id)
        WHERE import_id = p_import_id AND may_write(load.dataset_id) AND state <> 'retired'
        ORDER BY state = 'live' DESC, run DESC LIMIT 1;
    PERFORM FROM dataset WHERE dataset_id = v_dataset_id FOR NO KEY UPDATE;
    SELECT load.* INTO v_load
        FROM load JOIN imported_file USING (imported_file_id)
        WHERE import_id = p_import_id AND load.dataset_id = v_dataset_id AND state <> 'retired'
        ORDER BY state = 'live' DESC, run DESC LIMIT 1;
    IF v_load IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'TK006', MESSAGE = format(
            'The import %s has nothing in the ledger that the role %s could revert.',
            p_import_id, session_user);
    END IF;
    IF v_load.state = 'live' THEN
        PERFORM change_live_loads(v_dataset_id, NULL, NULL, ARRAY[v_load.load_id], 'reverted',
            coalesce(nullif(p_by, ''), session_user), p_reason);
        PERFORM step_version();
    END IF;
    RETURN reverted(v_load.load_id);
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
GRANT EXECUTE ON FUNCTION takings.revert_import TO takings_importer;
