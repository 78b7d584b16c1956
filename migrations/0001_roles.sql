-- The three database roles. The owner is whoever runs the migrations; it alone may grant.
-- Programs log in as members of one of the two groups, importers as one role a namespace.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'takings_importer') THEN
        CREATE ROLE takings_importer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'takings_api') THEN
        CREATE ROLE takings_api NOLOGIN;
    END IF;
EXCEPTION
    -- Roles belong to the whole server: another database of it may be migrating at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA takings TO takings_importer, takings_api;
GRANT SELECT ON takings.schema_migration TO takings_importer, takings_api;
