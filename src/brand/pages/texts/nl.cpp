// Our own pages in Dutch.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsNl{
    .not_connected =
        {"Dit domein is nog niet gekoppeld",
         "Het leidt hierheen, maar er is nog geen website die erop antwoordt. Zoekt u er een, kom "
         "dan later terug of vraag het aan wie u het adres gaf.",
         "Voeg het domein toe in de instellingen van uw website en voltooi de stappen die daar "
         "staan. Controleer de DNS-records: die moeten gelijk zijn aan die in de instellingen, en "
         "een wijziging is soms pas na enkele uren overal zichtbaar."},
    .suspended = {"Deze website is opgeschort", "Hij is op dit moment niet te bezoeken.",
                  "Is hij van u, vraag het dan aan uw aanbieder."},
    .disabled = {"Deze website is uitgeschakeld", "Hij is op dit moment niet te bezoeken.",
                 "Is hij van u, schakel hem dan in bij de instellingen."},
    .unpublished = {"Deze website is nog niet gepubliceerd", "Kom later terug."},
    .maintenance = {"We werken aan deze website",
                    "Hij is snel weer terug. Bedankt voor uw geduld."},
    .bad_request =
        {"Het verzoek was niet te begrijpen",
         "Er klopte iets niet in het verzoek. Controleer het adres of probeer het opnieuw."},
    .unauthorized = {"U moet eerst inloggen", "Dit adres is alleen voor wie is ingelogd."},
    .forbidden = {"U hebt geen toegang tot deze pagina", "De toegang tot dit adres is beperkt."},
    .not_found = {"Deze pagina bestaat niet",
                  "Controleer het adres of begin opnieuw op de startpagina."},
    .method_not_allowed = {"Dat kan hier niet",
                           "Het adres bestaat, maar niet voor dit soort verzoeken."},
    .request_timeout = {"Het verzoek deed er te lang over",
                        "Controleer uw verbinding en probeer het opnieuw."},
    .too_large = {"Wat u hebt verstuurd is te groot",
                  "Stuur een kleiner bestand of minder gegevens."},
    .uri_too_long = {"Het adres is te lang", "Gebruik een korter adres."},
    .expectation_failed = {"Het verzoek kon niet worden aanvaard",
                           "Het vraagt iets dat hier niet wordt ondersteund."},
    .misdirected = {"Het verzoek kwam op de verkeerde plek aan",
                    "Laad de pagina opnieuw om weer verbinding te maken."},
    .upgrade_required = {"Er is een ander soort verbinding nodig",
                         "Dit adres kan zo niet worden gebruikt. Gebruik een recente browser."},
    .too_many_requests = {"Te veel verzoeken", "Wacht even voordat u het opnieuw probeert."},
    .head_too_large = {"Het verzoek is te groot",
                       "Verwijder de cookies van deze website en probeer het opnieuw."},
    .internal_error = {"Er ging iets mis", "De fout ligt bij ons. Probeer het zo opnieuw."},
    .not_implemented = {"Dit wordt niet ondersteund",
                        "Het verzoek gebruikt iets dat hier niet wordt ondersteund."},
    .bad_gateway = {"Deze website antwoordt niet goed",
                    "De fout ligt bij ons. Probeer het zo opnieuw."},
    .unavailable = {"Deze website is nu niet beschikbaar",
                    "Probeer het over een paar minuten opnieuw."},
    .gateway_timeout = {"Deze website deed te lang over een antwoord", "Probeer het zo opnieuw."},
    .version_unsupported = {"Deze versie van HTTP wordt niet ondersteund",
                            "Gebruik een recente browser."},
    .error = "Fout",
    .request = "Verzoek",
    .try_again = "Opnieuw proberen",
    .home = "Startpagina",
    .for_owner = "Is dit uw domein?",
};

}  // namespace marquee::brand
