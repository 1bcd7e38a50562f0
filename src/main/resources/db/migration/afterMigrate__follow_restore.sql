-- At every start. A version before the one that knows of restores has no such function.
DO $$
BEGIN
    IF to_regprocedure('runnel_internal.follow_restore()') IS NOT NULL THEN
        PERFORM runnel_internal.follow_restore();
    END IF;
END $$;
