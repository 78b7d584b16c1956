-- What a dry run asks, in transactions that may only read: nothing here writes or locks.

-- The dataset that a run would load into, and the run's row where it has ended already. No dataset
-- where the owner's load would make it.
CREATE FUNCTION takings.dry_run(p_import_id uuid, p_run integer, p_dataset text)
RETURNS TABLE (o_dataset_id integer, o_fingerprint_key bytea, o_ended bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer;
BEGIN
    IF NOT is_owner() OR EXISTS (SELECT FROM dataset WHERE name = p_dataset) THEN
        v_dataset_id := writable_dataset(p_dataset);
    END IF;
    RETURN QUERY SELECT dataset.dataset_id, dataset.fingerprint_key, (
            SELECT imported_file_id FROM imported_file
            WHERE import_id = p_import_id AND imported_file.dataset_id = v_dataset_id
                AND run = p_run AND status <> 'Running')
        FROM dataset WHERE dataset.dataset_id = v_dataset_id;
END
$$;

-- What a file that was read would meet at its publish: an error, or the load with the same
-- content, or nothing.
CREATE FUNCTION takings.dry_publish(
    p_import_id uuid, p_run integer, p_dataset_id integer, p_currency text, p_format text,
    p_max_rejected text, p_digest bytea
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_run imported_file;
BEGIN
    v_run.import_id := p_import_id;
    v_run.run := p_run;
    v_run.dataset_id := p_dataset_id;
    v_run.currency := p_currency;
    v_run.format := p_format;
    v_run.max_rejected := p_max_rejected;
    v_run.status := 'Running';
    PERFORM check_running(v_run);
    PERFORM check_publishable(v_run, retiring(v_run));
    RETURN (
        SELECT jsonb_build_object('importId', import_id, 'run', run, 'load', load_id,
            'filename', filename, 'requestedBy', requested_by)
        FROM already_loaded(v_run, p_digest));
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.dry_run, takings.dry_publish TO takings_importer;
