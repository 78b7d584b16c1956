-- What the importer reads to compare a load with those that are live, and where it notes the
-- result: before publish, without a lock, for one state of the dataset.

-- The dataset's version and its live loads in the order of their publish; `leaves` are those of
-- the import itself. One row without a load where none is live.
CREATE FUNCTION takings.live_loads(p_dataset_id integer, p_import_id uuid)
RETURNS TABLE (version bigint, load_id integer, leaves boolean, import_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    SELECT dataset.version, load.load_id, imported_file.import_id = p_import_id,
        imported_file.import_id
    FROM dataset
    LEFT JOIN (load JOIN imported_file USING (imported_file_id))
        ON load.dataset_id = dataset.dataset_id AND load.state = 'live'
    WHERE dataset.dataset_id = p_dataset_id AND may_write(p_dataset_id)
    ORDER BY publish_order
$$;

-- The blocks of some loads that reach into a range of order ids.
CREATE FUNCTION takings.order_ranges(
    p_dataset_id integer, p_load_ids integer[], p_first bytea, p_last bytea
) RETURNS TABLE (load_id integer, chunk integer, block integer, order_count integer,
    first_order bytea, last_order bytea)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
    SELECT load_id, chunk, block, order_count, order_block.first_order, order_block.last_order
    FROM load JOIN load_chunk USING (load_id) JOIN order_block USING (load_id, chunk)
    WHERE load.dataset_id = p_dataset_id AND load_id = ANY (p_load_ids)
        AND may_write(p_dataset_id)
        AND load_chunk.first_order <= p_last AND load_chunk.last_order >= p_first
        AND order_block.first_order <= p_last AND order_block.last_order >= p_first
$$;

-- What is in blocks: only the parts that are wanted are read.
CREATE FUNCTION takings.read_order_blocks(
    p_dataset_id integer, p_load_ids integer[], p_chunks integer[], p_blocks integer[],
    p_ids boolean, p_fingerprints boolean
) RETURNS TABLE (place bigint, ids bytea, order_days bytea, fingerprints bytea, skipped bytea)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = takings, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
    SELECT place, CASE WHEN p_ids THEN ids END, CASE WHEN NOT p_ids THEN order_days END,
        CASE WHEN p_fingerprints THEN fingerprints END, CASE WHEN NOT p_ids THEN skipped END
    FROM unnest(p_load_ids, p_chunks, p_blocks) WITH ORDINALITY
        wanted (load_id, chunk, block, place)
    JOIN order_block USING (load_id, chunk, block)
    JOIN load USING (load_id)
    WHERE load.dataset_id = p_dataset_id AND may_write(p_dataset_id)
$$;

-- Notes which order-days of blocks the load does not hold: a bit each, the lowest first.
CREATE FUNCTION takings.mark_skipped(
    p_load_id integer, p_chunks integer[], p_blocks integer[], p_skipped bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
BEGIN
    PERFORM loading_dataset(p_load_id);
    UPDATE order_block SET skipped = marks.skipped
        FROM unnest(p_chunks, p_blocks, p_skipped) marks (chunk, block, skipped)
        WHERE order_block.load_id = p_load_id AND order_block.chunk = marks.chunk
            AND order_block.block = marks.block;
END
$$;

-- Forgets what an earlier comparison has noted.
CREATE FUNCTION takings.forget_comparison(p_load_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = takings, pg_temp
AS $$
DECLARE
    v_dataset_id integer := loading_dataset(p_load_id);
BEGIN
    DELETE FROM load_chunk WHERE load_id = p_load_id AND chunk = -1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM superseded WHERE dataset_id = v_dataset_id AND by_load_id = p_load_id;
    UPDATE order_block SET skipped = NULL WHERE load_id = p_load_id AND skipped IS NOT NULL;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA takings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION takings.live_loads, takings.order_ranges, takings.read_order_blocks,
    takings.mark_skipped, takings.forget_comparison TO takings_importer;
