// Our own pages in Italian.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsIt{
    .not_connected =
        {"Questo dominio non è ancora collegato",
         "Porta qui, ma nessun sito vi risponde ancora. Se ne cerca uno, torni un po’ più tardi o "
         "chieda a chi le ha dato l’indirizzo.",
         "Aggiunga il dominio nelle impostazioni del suo sito e completi i passaggi indicati. "
         "Controlli i record DNS: devono essere quelli indicati nelle impostazioni, e una "
         "modifica può richiedere alcune ore per essere visibile ovunque."},
    .suspended = {"Questo sito è sospeso", "Al momento non può essere visitato.",
                  "Se è suo, si rivolga al suo fornitore."},
    .disabled = {"Questo sito è disattivato", "Al momento non può essere visitato.",
                 "Se è suo, lo attivi nelle impostazioni."},
    .unpublished = {"Questo sito non è ancora pubblicato", "Torni più tardi."},
    .maintenance = {"Stiamo lavorando su questo sito", "Tornerà presto. Grazie per la pazienza."},
    .bad_request = {"Non è stato possibile capire la richiesta",
                    "Qualcosa nella richiesta non era in ordine. Controlli l’indirizzo o riprovi."},
    .unauthorized = {"Prima deve accedere",
                     "Questo indirizzo è riservato a chi ha effettuato l’accesso."},
    .forbidden = {"Non ha accesso a questa pagina", "L’accesso a questo indirizzo è limitato."},
    .not_found = {"Questa pagina non esiste",
                  "Controlli l’indirizzo o riparta dalla pagina iniziale."},
    .method_not_allowed = {"Qui non è possibile",
                           "L’indirizzo esiste, ma non per questo tipo di richiesta."},
    .request_timeout = {"La richiesta ha impiegato troppo tempo ad arrivare",
                        "Controlli la connessione e riprovi."},
    .too_large = {"Quello che ha inviato è troppo grande",
                  "Invii un file più piccolo o meno dati."},
    .uri_too_long = {"L’indirizzo è troppo lungo", "Usi un indirizzo più corto."},
    .expectation_failed = {"Non è stato possibile accettare la richiesta",
                           "Chiede qualcosa che qui non è supportato."},
    .misdirected = {"La richiesta è arrivata nel posto sbagliato",
                    "Ricarichi la pagina per collegarsi di nuovo."},
    .upgrade_required = {"Serve un altro tipo di connessione",
                         "Questo indirizzo non può essere usato così. Usi un browser aggiornato."},
    .too_many_requests = {"Troppe richieste", "Aspetti un momento prima di riprovare."},
    .head_too_large = {"La richiesta è troppo grande",
                       "Elimini i cookie di questo sito e riprovi."},
    .internal_error = {"Qualcosa è andato storto",
                       "L’errore è dalla nostra parte. Riprovi tra un momento."},
    .not_implemented = {"Non è supportato", "La richiesta usa qualcosa che qui non è supportato."},
    .bad_gateway = {"Questo sito non risponde correttamente",
                    "L’errore è dalla nostra parte. Riprovi tra un momento."},
    .unavailable = {"Questo sito al momento non è disponibile", "Riprovi tra qualche minuto."},
    .gateway_timeout = {"Questo sito ha impiegato troppo tempo a rispondere",
                        "Riprovi tra un momento."},
    .version_unsupported = {"Questa versione di HTTP non è supportata",
                            "Usi un browser aggiornato."},
    .error = "Errore",
    .request = "Richiesta",
    .try_again = "Riprova",
    .home = "Pagina iniziale",
    .for_owner = "Questo dominio è suo?",
};

}  // namespace marquee::brand
