-- The platform's functions (platform contract 1.2), for a database without them.

DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'get_module_by_domain'
               AND pronamespace = 'public'::regnamespace) THEN
  CREATE FUNCTION public.get_module_by_domain(p_domain text)
  RETURNS TABLE (site_module_installation_id uuid, module_id uuid, site_id uuid, config jsonb,
                 white_label jsonb)
  LANGUAGE plpgsql STABLE AS $f$
  BEGIN
    RETURN QUERY
    SELECT d.site_module_installation_id, i.module_id, i.site_id, d.config, d.white_label
    FROM public.module_custom_domains d
    JOIN public.site_module_installations i ON i.id = d.site_module_installation_id
    WHERE d.domain = p_domain AND d.status = 'active' AND d.ssl_status = 'active';
  END $f$;
END IF;
END $do$;

DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'increment_domain_stats'
               AND pronamespace = 'public'::regnamespace) THEN
  CREATE FUNCTION public.increment_domain_stats(p_domain_id uuid, p_requests int DEFAULT 1, p_bytes bigint DEFAULT 0)
  RETURNS void LANGUAGE plpgsql AS $f$
  BEGIN
    UPDATE public.module_custom_domains SET
      total_requests = total_requests + p_requests,
      bandwidth_bytes = bandwidth_bytes + p_bytes,
      updated_at = now()
    WHERE id = p_domain_id;
  END $f$;
END IF;
END $do$;

DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'get_domains_for_ssl_renewal'
               AND pronamespace = 'public'::regnamespace) THEN
  CREATE FUNCTION public.get_domains_for_ssl_renewal(p_days_before_expiry int DEFAULT 30)
  RETURNS TABLE (id uuid, domain text, ssl_expires_at timestamptz)
  LANGUAGE plpgsql STABLE AS $f$
  BEGIN
    RETURN QUERY
    SELECT d.id, d.domain, d.ssl_expires_at FROM public.module_custom_domains d
    WHERE d.ssl_status = 'active' AND d.ssl_auto_renew
      AND d.ssl_expires_at < now() + make_interval(days => p_days_before_expiry);
  END $f$;
END IF;
END $do$;
