-- Who may write which dataset, decided here and by nobody else: importers can call the functions
-- below and insert into the partitions granted to them, and can do nothing else.
-- Error codes of ours: TK001 not granted, TK002 superseded, TK003 ended,
-- TK005 currency, TK006 nothing to revert, TK007 the same content is there, TK008 other loads
-- than those compared with.

-- In PL/pgSQL what a session asks again and again, which plans it once.
CREATE FUNCTION takings.is_owner() RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = takings, pg_temp
AS $$
BEGIN
    RETURN (SELECT pg_has_role(session_user, nspowner, 'MEMBER')
        FROM pg_namespace WHERE nspname = 'takings');
END
$$;

CREATE FUNCTION takings.may_write(p_dataset_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = takings, pg_temp
AS $$
BEGIN
    IF is_owner() THEN
        RETURN true;
    END IF;
    RETURN EXISTS (
        SELECT FROM dataset_grant
        JOIN pg_roles ON rolname = role_name
        WHERE dataset_id = p_dataset_id AND pg_has_role(session_user, pg_roles.oid, 'MEMBER'));
END
$$;

-- The dataset's key; made, with its partitions, where it is not there yet.
CREATE FUNCTION takings.ensure_dataset(p_name text) RETURNS integer
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer;
    v_table text;
BEGIN
    SELECT dataset_id INTO v_dataset_id FROM dataset WHERE name = p_name;
    IF FOUND THEN
        RETURN v_dataset_id;
    END IF;
    INSERT INTO dataset (name) VALUES (p_name) ON CONFLICT DO NOTHING
        RETURNING dataset_id INTO v_dataset_id;
    IF v_dataset_id IS NULL THEN
        SELECT dataset_id INTO STRICT v_dataset_id FROM dataset WHERE name = p_name;
        RETURN v_dataset_id;
    END IF;
    -- Made apart and attached: that does not hold up who reads or loads meanwhile.
    FOREACH v_table IN ARRAY ARRAY['sale', 'superseded'] LOOP
        -- Lines are only added: VACUUM has nothing to do there before they are many.
        EXECUTE format(
            'CREATE TABLE takings.%2$s_%1$s (LIKE takings.%2$s INCLUDING ALL)
                WITH (autovacuum_vacuum_insert_threshold = 10000000)', v_dataset_id, v_table);
        -- A constant costs less than a column that is sent.
        EXECUTE format('ALTER TABLE takings.%2$s_%1$s ALTER dataset_id SET DEFAULT %1$s',
            v_dataset_id, v_table);
        EXECUTE format(
            'ALTER TABLE takings.%2$s ATTACH PARTITION takings.%2$s_%1$s FOR VALUES IN (%1$s)',
            v_dataset_id, v_table);
    END LOOP;
    RETURN v_dataset_id;
END
$$;

-- The dataset's key where the session may write it; else the sentence that says what to do.
CREATE FUNCTION takings.writable_dataset(p_name text) RETURNS integer
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer;
BEGIN
    IF is_owner() THEN
        RETURN ensure_dataset(p_name);
    END IF;
    SELECT dataset_id INTO v_dataset_id FROM dataset WHERE name = p_name AND may_write(dataset_id);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TK001', MESSAGE = format(
            'The database role %s may not write to the dataset %s: the owner of the database can grant it with "takings-importer grant --role %s --dataset %s".',
            session_user, p_name, session_user, p_name);
    END IF;
    RETURN v_dataset_id;
END
$$;

-- Lets a role load into a dataset. For the owner only: no other role can execute it.
CREATE FUNCTION takings.grant_dataset(p_role name, p_dataset text) RETURNS void
LANGUAGE plpgsql
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := ensure_dataset(p_dataset);
BEGIN
    EXECUTE format('GRANT takings_importer TO %I', p_role);
    EXECUTE format('GRANT INSERT ON takings.sale_%1$s, takings.superseded_%1$s TO %2$I',
        v_dataset_id, p_role);
    INSERT INTO dataset_grant (role_name, dataset_id) VALUES (p_role, v_dataset_id)
        ON CONFLICT DO NOTHING;
END
$$;

-- The one that is loaded into where nothing is said: its first import finds its tables made.
SELECT takings.ensure_dataset('default');

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
