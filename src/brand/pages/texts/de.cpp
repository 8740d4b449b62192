// Our own pages in German.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsDe{
    .not_connected =
        {"Diese Domain ist noch nicht verbunden",
         "Sie führt hierher, aber noch antwortet keine Website auf sie. Wenn Sie eine suchen, "
         "kommen Sie etwas später wieder, oder fragen Sie, wer Ihnen die Adresse gegeben hat.",
         "Fügen Sie die Domain in den Einstellungen Ihrer Website hinzu und schließen Sie die "
         "dort gezeigten Schritte ab. Prüfen Sie ihre DNS-Einträge: Sie müssen denen in den "
         "Einstellungen entsprechen, und eine Änderung ist manchmal erst nach einigen Stunden "
         "überall zu sehen."},
    .suspended = {"Diese Website ist gesperrt", "Sie kann zurzeit nicht besucht werden.",
                  "Wenn sie Ihnen gehört, fragen Sie Ihren Anbieter."},
    .disabled = {"Diese Website ist abgeschaltet", "Sie kann zurzeit nicht besucht werden.",
                 "Wenn sie Ihnen gehört, schalten Sie sie in ihren Einstellungen ein."},
    .unpublished = {"Diese Website ist noch nicht veröffentlicht", "Kommen Sie später wieder."},
    .maintenance = {"Wir arbeiten an dieser Website",
                    "Sie ist bald wieder da. Danke für Ihre Geduld."},
    .bad_request =
        {"Die Anfrage war nicht zu verstehen",
         "Etwas an der Anfrage war nicht in Ordnung. Prüfen Sie die Adresse, oder versuchen Sie "
         "es noch einmal."},
    .unauthorized = {"Sie müssen sich erst anmelden",
                     "Diese Adresse ist nur für angemeldete Besucher."},
    .forbidden = {"Sie haben keinen Zugang zu dieser Seite",
                  "Der Zugang zu dieser Adresse ist beschränkt."},
    .not_found = {"Diese Seite gibt es nicht",
                  "Prüfen Sie die Adresse auf Tippfehler, oder beginnen Sie auf der Startseite."},
    .method_not_allowed = {"Das geht hier nicht",
                           "Die Adresse gibt es, aber nicht für diese Art von Anfrage."},
    .request_timeout = {"Die Anfrage kam zu langsam an",
                        "Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal."},
    .too_large = {"Was Sie gesendet haben, ist zu groß",
                  "Senden Sie eine kleinere Datei oder weniger Daten."},
    .uri_too_long = {"Die Adresse ist zu lang", "Verwenden Sie eine kürzere Adresse."},
    .expectation_failed = {"Die Anfrage konnte nicht angenommen werden",
                           "Sie verlangt etwas, das hier nicht unterstützt wird."},
    .misdirected = {"Die Anfrage kam an der falschen Stelle an",
                    "Laden Sie die Seite neu, um sich noch einmal zu verbinden."},
    .upgrade_required =
        {"Eine andere Art von Verbindung ist nötig",
         "So kann diese Adresse nicht benutzt werden. Verwenden Sie einen aktuellen Browser."},
    .too_many_requests = {"Zu viele Anfragen",
                          "Warten Sie einen Moment, bevor Sie es noch einmal versuchen."},
    .head_too_large = {"Die Anfrage ist zu groß",
                       "Löschen Sie die Cookies dieser Website und versuchen Sie es noch einmal."},
    .internal_error = {"Etwas ist schiefgegangen",
                       "Der Fehler liegt bei uns. Versuchen Sie es gleich noch einmal."},
    .not_implemented = {"Das wird nicht unterstützt",
                        "Die Anfrage verwendet etwas, das hier nicht unterstützt wird."},
    .bad_gateway = {"Diese Website antwortet nicht richtig",
                    "Der Fehler liegt bei uns. Versuchen Sie es gleich noch einmal."},
    .unavailable = {"Diese Website ist gerade nicht erreichbar",
                    "Versuchen Sie es in einigen Minuten noch einmal."},
    .gateway_timeout = {"Diese Website hat zu lange nicht geantwortet",
                        "Versuchen Sie es gleich noch einmal."},
    .version_unsupported = {"Diese Version von HTTP wird nicht unterstützt",
                            "Verwenden Sie einen aktuellen Browser."},
    .error = "Fehler",
    .request = "Anfrage",
    .try_again = "Noch einmal versuchen",
    .home = "Startseite",
    .for_owner = "Ist das Ihre Domain?",
};

}  // namespace marquee::brand
