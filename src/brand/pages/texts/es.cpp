// Our own pages in Spanish.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsEs{
    .not_connected =
        {"Este dominio aún no está conectado",
         "Conduce hasta aquí, pero todavía ningún sitio responde a él. Si busca uno, vuelva un "
         "poco más tarde o pregunte a quien le dio la dirección.",
         "Añada el dominio en los ajustes de su sitio y complete los pasos que se indican. "
         "Compruebe sus registros DNS: deben ser los que indican los ajustes, y un cambio puede "
         "tardar unas horas en verse en todas partes."},
    .suspended = {"Este sitio está suspendido", "No se puede visitar por ahora.",
                  "Si es suyo, consulte a su proveedor."},
    .disabled = {"Este sitio está desactivado", "No se puede visitar por ahora.",
                 "Si es suyo, actívelo en sus ajustes."},
    .unpublished = {"Este sitio aún no se ha publicado", "Vuelva más tarde."},
    .maintenance = {"Estamos trabajando en este sitio",
                    "Volverá pronto. Gracias por su paciencia."},
    .bad_request =
        {"No se pudo entender la solicitud",
         "Algo en la solicitud no estaba en orden. Compruebe la dirección o inténtelo de nuevo."},
    .unauthorized = {"Primero debe iniciar sesión",
                     "Esta dirección es solo para quienes han iniciado sesión."},
    .forbidden = {"No tiene acceso a esta página", "El acceso a esta dirección está restringido."},
    .not_found = {"Esta página no existe",
                  "Compruebe la dirección o empiece de nuevo en la página de inicio."},
    .method_not_allowed = {"Eso no se puede hacer aquí",
                           "La dirección existe, pero no para este tipo de solicitud."},
    .request_timeout = {"La solicitud tardó demasiado en llegar",
                        "Compruebe su conexión e inténtelo de nuevo."},
    .too_large = {"Lo que ha enviado es demasiado grande",
                  "Envíe un archivo más pequeño o menos datos."},
    .uri_too_long = {"La dirección es demasiado larga", "Use una dirección más corta."},
    .expectation_failed = {"No se pudo aceptar la solicitud", "Pide algo que aquí no se admite."},
    .misdirected = {"La solicitud llegó al lugar equivocado",
                    "Vuelva a cargar la página para conectarse de nuevo."},
    .upgrade_required = {"Se necesita otro tipo de conexión",
                         "Esta dirección no se puede usar así. Use un navegador actual."},
    .too_many_requests = {"Demasiadas solicitudes",
                          "Espere un momento antes de intentarlo de nuevo."},
    .head_too_large = {"La solicitud es demasiado grande",
                       "Borre las cookies de este sitio e inténtelo de nuevo."},
    .internal_error = {"Algo ha salido mal",
                       "El fallo está de nuestro lado. Inténtelo de nuevo en un momento."},
    .not_implemented = {"Esto no se admite", "La solicitud usa algo que aquí no se admite."},
    .bad_gateway = {"Este sitio no responde correctamente",
                    "El fallo está de nuestro lado. Inténtelo de nuevo en un momento."},
    .unavailable = {"Este sitio no está disponible ahora", "Inténtelo de nuevo en unos minutos."},
    .gateway_timeout = {"Este sitio tardó demasiado en responder",
                        "Inténtelo de nuevo en un momento."},
    .version_unsupported = {"Esta versión de HTTP no se admite", "Use un navegador actual."},
    .error = "Error",
    .request = "Solicitud",
    .try_again = "Intentar de nuevo",
    .home = "Página de inicio",
    .for_owner = "¿Es suyo este dominio?",
};

}  // namespace marquee::brand
