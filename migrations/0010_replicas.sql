-- Replicas of the API answer from memory, each under a lease. Who tells of a publish or a revert
-- waits first until every replica that is registered has said that it knows of it, or has been
-- silent for longer than a lease lasts. No clock of the database's decides that.

CREATE TABLE takings.replica (
    replica_id uuid PRIMARY KEY,
    -- The version of the ledger that it knows of; null: of none yet.
    version bigint,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- A new registration. On disk before anything is read: who publishes after a crash of the server
-- must still wait for it.
CREATE FUNCTION takings.register_replica() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_replica_id uuid := gen_random_uuid();
BEGIN
    PERFORM commit_on_disk();
    INSERT INTO replica (replica_id) VALUES (v_replica_id);
    RETURN v_replica_id;
END
$$;

-- Says which version a replica knows of, and returns the ledger's; nothing where it is not
-- registered any more. What a crash takes away of this makes others wait, not err.
CREATE FUNCTION takings.renew_replica(p_replica_id uuid, p_version bigint)
RETURNS TABLE (o_version bigint, o_token uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM commit_without_waiting();
    UPDATE replica SET version = p_version, seen_at = clock_timestamp()
        WHERE replica_id = p_replica_id;
    IF FOUND THEN
        RETURN QUERY SELECT version, token FROM ledger_version;
    END IF;
END
$$;

-- A replica that answers from memory no more.
CREATE FUNCTION takings.unregister_replica(p_replica_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    DELETE FROM replica WHERE replica_id = p_replica_id
$$;

-- The replicas that do not know of a version yet; of the newest one and of all replicas, where
-- nothing is said.
CREATE FUNCTION takings.replicas_behind(p_version bigint, p_among uuid[])
RETURNS TABLE (o_version bigint, o_behind uuid[])
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    SELECT wanted, ARRAY(
        SELECT replica_id FROM replica
        WHERE coalesce(replica.version, -1) < wanted
            AND (p_among IS NULL OR replica_id = ANY (p_among)))
    FROM (SELECT coalesce(p_version, version) AS wanted FROM ledger_version) now
$$;

-- Forgets replicas that were waited for in vain, so that nobody waits for them again. That an
-- importer may call it must not harm: one that was seen within a lease is never forgotten.
CREATE FUNCTION takings.forget_replicas(p_replicas uuid[], p_version bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    DELETE FROM replica WHERE replica_id IN (
        SELECT replica_id FROM replica
        WHERE replica_id = ANY (p_replicas) AND coalesce(version, -1) < p_version
            AND seen_at < clock_timestamp() - interval '2 seconds'
        FOR UPDATE SKIP LOCKED)
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.register_replica, takings.renew_replica,
    takings.unregister_replica TO takings_api;
GRANT EXECUTE ON FUNCTION takings.replicas_behind, takings.forget_replicas TO takings_importer;
