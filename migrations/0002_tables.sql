-- What the ledger holds. A sale is written once and never updated, and deleted only where its load
-- never counts again; what counts is decided by which loads are live. `sale` has no key, no index
-- that is looked at while loading, no trigger and no foreign key: it is on the hot path. So are names
-- and rejected lines, without a foreign key, which would be checked for each: what they belong
-- to is never deleted, and only functions write them.

-- Signed figures by day, and how many orders have two days in succession.
CREATE TYPE takings.figures AS (
    days date[], revenues numeric[], line_counts bigint[], order_counts bigint[],
    first_dates date[], second_dates date[], pair_counts bigint[]
);
-- A product's latest price within a chunk.
CREATE TYPE takings.price AS (product_id integer, price_date date, price numeric);

-- A stream of sales within which an order id is unique, in one currency.
CREATE TABLE takings.dataset (
    dataset_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    -- Of its live loads; null where there are none.
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    -- Fingerprints are keyed, so that nobody can craft a file whose lines seem to be others.
    fingerprint_key bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
    -- Goes up with each change of its live loads.
    version bigint NOT NULL DEFAULT 0,
    -- New with each step of that, and never the same twice, also after a restore from a backup.
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Which login or group role may load into which dataset.
CREATE TABLE takings.dataset_grant (
    role_name name NOT NULL,
    dataset_id integer NOT NULL REFERENCES takings.dataset,
    granted_by name NOT NULL DEFAULT session_user,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role_name, dataset_id)
);

-- One run of one import. (Earlier systems: num_rows is lines_imported, imported_at is ended_at.)
CREATE TABLE takings.imported_file (
    imported_file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id integer NOT NULL REFERENCES takings.dataset,
    import_id uuid NOT NULL,
    run integer NOT NULL CHECK (run > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    filename text NOT NULL,
    source text NOT NULL,
    format text NOT NULL,
    on_overlap text NOT NULL CHECK (on_overlap IN ('fail', 'skip', 'replace')),
    max_rejected text NOT NULL CHECK (max_rejected ~ '^[0-9]+%?$'),
    requested_by text NOT NULL,
    request_id text NOT NULL,
    status text NOT NULL DEFAULT 'Running'
        CHECK (status IN ('Running', 'Published', 'Refused', 'Abandoned')),
    result text CHECK (result IN ('Published', 'AlreadyLoaded', 'Refused', 'Abandoned')),
    reason text,
    error_message text,
    digest bytea CHECK (octet_length(digest) = 32),
    bytes bigint NOT NULL DEFAULT 0,
    lines_read bigint NOT NULL DEFAULT 0,
    lines_imported bigint NOT NULL DEFAULT 0,
    lines_skipped bigint NOT NULL DEFAULT 0,
    lines_rejected bigint NOT NULL DEFAULT 0,
    lines_valid bigint NOT NULL DEFAULT 0,
    first_sale_date date,
    last_sale_date date,
    revenue numeric,
    -- What this run put into the ledger; or what was there already with the same content.
    load_id integer,
    existing_load_id integer,
    conflicts jsonb NOT NULL DEFAULT '[]',
    reject_counts jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    UNIQUE (import_id, dataset_id, run),
    CONSTRAINT nothing_is_silently_dropped CHECK (CASE status
        WHEN 'Published' THEN lines_read = lines_imported + lines_skipped + lines_rejected
        WHEN 'Refused' THEN lines_imported = 0
            AND lines_read = lines_valid + lines_skipped + lines_rejected
        ELSE lines_imported = 0 END)
);
CREATE INDEX imported_file_digest ON takings.imported_file (dataset_id, digest);

-- What a run puts into the ledger. Of two live loads that hold an order-day, the one published
-- later counts.
CREATE SEQUENCE takings.load_id AS integer;
CREATE TABLE takings.load (
    load_id integer PRIMARY KEY,
    dataset_id integer NOT NULL REFERENCES takings.dataset,
    imported_file_id bigint NOT NULL REFERENCES takings.imported_file,
    -- Null until then.
    publish_order bigint,
    -- Loading: a run is still at it. Dropped: its lines are on their way out.
    state text NOT NULL DEFAULT 'loading'
        CHECK (state IN ('loading', 'dropped', 'live', 'retired', 'reverted')),
    opened_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    ended_by text,
    ended_reason text,
    -- When its lines were removed, since they were no longer to be kept; never of a live load.
    purged_at timestamptz CHECK (purged_at IS NULL OR state IN ('retired', 'reverted')),
    UNIQUE (dataset_id, publish_order),
    CHECK ((publish_order IS NULL) = (state IN ('loading', 'dropped')))
);
CREATE UNIQUE INDEX load_of_run ON takings.load (imported_file_id) WHERE state <> 'dropped';

-- A stretch of the file that was loaded in one transaction, with what it adds up to: a retry goes
-- on behind what is here. Chunk -1 holds what orders that lie in several chunks correct.
CREATE TABLE takings.load_chunk (
    load_id integer NOT NULL REFERENCES takings.load,
    chunk integer NOT NULL,
    bytes_read bigint NOT NULL,
    -- Tells what was loaded from anything else, see ADR 2. Of chunk -1: the comparison.
    content bytea NOT NULL,
    lines_read bigint NOT NULL,
    lines_rejected bigint NOT NULL,
    reject_counts jsonb NOT NULL,
    -- The range of its order ids; null where it has none.
    first_order bytea,
    last_order bytea,
    figures takings.figures NOT NULL,
    prices takings.price[] NOT NULL,
    -- A sign of life of its run.
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (load_id, chunk)
);

-- Who is loading which content: another run of the same waits for it. It only spares work that is
-- done twice: what counts is decided by publish, which never looks here.
CREATE TABLE takings.claim (
    dataset_id integer NOT NULL REFERENCES takings.dataset,
    -- Tells a file's content and format from most others, without its being read as a whole.
    content bytea NOT NULL CHECK (octet_length(content) = 32),
    imported_file_id bigint NOT NULL REFERENCES takings.imported_file,
    -- A sign of life of its run.
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, content)
);

-- One accepted line of a file. A partition a dataset, since INSERT is granted on the partition.
-- Without an index: no question that the API answers reads it, and each would slow every import.
CREATE TABLE takings.sale (
    dataset_id integer NOT NULL,
    load_id integer NOT NULL,
    line integer NOT NULL,
    sale_date date NOT NULL,
    product_id integer,
    location_id integer,
    payment_method_id integer,
    order_id text COLLATE "C" NOT NULL,
    client text,
    quantity numeric,
    line_total numeric NOT NULL
) PARTITION BY LIST (dataset_id);

-- The order-days of a chunk, some thousand orders a row, sorted by id: what files are compared
-- by. Only the importer reads what is in them (see its module order_days).
CREATE TABLE takings.order_block (
    load_id integer NOT NULL,
    chunk integer NOT NULL,
    block integer NOT NULL,
    order_count integer NOT NULL,
    first_order bytea NOT NULL,
    last_order bytea NOT NULL,
    ids bytea NOT NULL,
    order_days bytea NOT NULL,
    fingerprints bytea NOT NULL,
    -- Which order-days the load does not hold, since they were there already; null: it holds all.
    skipped bytea,
    PRIMARY KEY (load_id, chunk, block)
) WITH (toast_tuple_target = 8160);
-- Dense already. The ids stay in the row, the others are read where an order is met.
ALTER TABLE takings.order_block
    ALTER ids SET STORAGE EXTERNAL,
    ALTER order_days SET STORAGE EXTERNAL,
    ALTER fingerprints SET STORAGE EXTERNAL;

-- Order-days of a load that do not count as long as another load is live that has them too; by
-- itself: that it never held, since they were there already.
CREATE TABLE takings.superseded (
    dataset_id integer NOT NULL,
    load_id integer NOT NULL,
    by_load_id integer NOT NULL,
    sale_dates date[] NOT NULL,
    order_ids text[] COLLATE "C" NOT NULL
) PARTITION BY LIST (dataset_id);
-- Read as a whole or not at all.
ALTER TABLE takings.superseded
    ALTER sale_dates SET STORAGE EXTERNAL,
    ALTER order_ids SET STORAGE EXTERNAL;

-- The same, each by itself.
CREATE VIEW takings.superseded_order_day AS
SELECT dataset_id, load_id, by_load_id, sale_date, order_id
FROM takings.superseded, unnest(sale_dates, order_ids) order_days (sale_date, order_id);

-- How a load met earlier ones: order-days it left to them, order-days it took from them.
CREATE TABLE takings.load_overlap (
    load_id integer NOT NULL,
    earlier_load_id integer NOT NULL,
    skipped bigint NOT NULL DEFAULT 0,
    replaced bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (earlier_load_id, load_id)
);

-- Exact figures a day, kept by publish and revert, which lock the dataset: that it is there need
-- not be asked again for each row. A day without sales has no row.
CREATE TABLE takings.daily_revenue (
    dataset_id integer NOT NULL,
    sale_date date NOT NULL,
    revenue numeric NOT NULL,
    line_count bigint NOT NULL,
    order_count bigint NOT NULL,
    PRIMARY KEY (dataset_id, sale_date)
);

-- How many orders have these two as successive live days. Distinct orders over a range:
-- the sum of orders a day less the pairs of which both days lie in it.
CREATE TABLE takings.order_day_pair (
    dataset_id integer NOT NULL,
    first_date date NOT NULL,
    second_date date NOT NULL,
    order_count bigint NOT NULL,
    PRIMARY KEY (dataset_id, first_date, second_date)
);

-- The names that files held, each with the number that stands for it in `sale`.
CREATE TABLE takings.product (
    product_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- Of the latest published sale that gave one.
    latest_price numeric,
    latest_price_date date,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (dataset_id, name)
);
CREATE TABLE takings.location (
    location_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (dataset_id, name)
);
CREATE TABLE takings.payment_method (
    payment_method_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (dataset_id, name)
);

-- Every rejected line of a published run; of a refused one the first 10,000.
CREATE TABLE takings.reject (
    imported_file_id bigint NOT NULL,
    line integer NOT NULL,
    column_name text NOT NULL,
    -- Null once it was no longer to be kept.
    value text,
    reason text NOT NULL,
    PRIMARY KEY (imported_file_id, line)
);

-- One row: goes up with each change of the figures. The token is new each time, since after a
-- restore from a backup the same numbers come again.
CREATE TABLE takings.ledger_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL DEFAULT 0,
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    stepped_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO takings.ledger_version DEFAULT VALUES;

-- The lines that count: what every figure can be recomputed from.
CREATE VIEW takings.live_sale AS
SELECT sale.dataset_id, sale.load_id, sale.line, sale.sale_date, sale.order_id,
    product.name AS product, location.name AS location, payment_method.name AS payment_method,
    sale.client, sale.quantity, sale.line_total
FROM takings.sale
JOIN takings.load ON load.load_id = sale.load_id AND load.state = 'live'
LEFT JOIN takings.product USING (product_id)
LEFT JOIN takings.location USING (location_id)
LEFT JOIN takings.payment_method USING (payment_method_id)
WHERE NOT EXISTS (
    SELECT FROM takings.superseded_order_day superseded
    JOIN takings.load later ON later.load_id = by_load_id
    WHERE superseded.dataset_id = sale.dataset_id AND superseded.load_id = sale.load_id
        AND superseded.order_id = sale.order_id AND superseded.sale_date = sale.sale_date
        AND later.state = 'live');

GRANT SELECT ON takings.imported_file, takings.load, takings.sale, takings.superseded,
    takings.superseded_order_day,
    takings.load_overlap, takings.daily_revenue, takings.order_day_pair, takings.product,
    takings.location, takings.payment_method, takings.reject, takings.ledger_version,
    takings.live_sale TO takings_api;
GRANT SELECT (dataset_id, name, currency, token, created_at) ON takings.dataset TO takings_api;
