// Our own pages in Polish.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsPl{
    .not_connected =
        {"Ta domena nie jest jeszcze podłączona",
         "Prowadzi tutaj, ale żadna strona jeszcze na nią nie odpowiada. Jeśli szukasz strony, "
         "wróć nieco później albo zapytaj osobę, która podała ten adres.",
         "Dodaj domenę w ustawieniach swojej strony i wykonaj podane tam kroki. Sprawdź jej "
         "rekordy DNS: muszą być takie jak w ustawieniach, a zmiana może być widoczna wszędzie "
         "dopiero po kilku godzinach."},
    .suspended = {"Ta strona jest zawieszona", "Obecnie nie można jej odwiedzić.",
                  "Jeśli należy do Ciebie, skontaktuj się z dostawcą."},
    .disabled = {"Ta strona jest wyłączona", "Obecnie nie można jej odwiedzić.",
                 "Jeśli należy do Ciebie, włącz ją w jej ustawieniach."},
    .unpublished = {"Ta strona nie została jeszcze opublikowana", "Wróć później."},
    .maintenance = {"Pracujemy nad tą stroną", "Wkrótce wróci. Dziękujemy za cierpliwość."},
    .bad_request = {"Nie udało się zrozumieć żądania",
                    "Coś w żądaniu było nie tak. Sprawdź adres albo spróbuj ponownie."},
    .unauthorized = {"Najpierw musisz się zalogować", "Ten adres jest tylko dla zalogowanych."},
    .forbidden = {"Nie masz dostępu do tej strony", "Dostęp do tego adresu jest ograniczony."},
    .not_found = {"Ta strona nie istnieje", "Sprawdź adres albo zacznij od strony głównej."},
    .method_not_allowed = {"Tego nie można tu zrobić",
                           "Adres istnieje, ale nie dla tego rodzaju żądań."},
    .request_timeout = {"Żądanie nadchodziło zbyt długo", "Sprawdź połączenie i spróbuj ponownie."},
    .too_large = {"To, co wysłano, jest zbyt duże", "Wyślij mniejszy plik albo mniej danych."},
    .uri_too_long = {"Adres jest zbyt długi", "Użyj krótszego adresu."},
    .expectation_failed = {"Nie można przyjąć żądania",
                           "Wymaga czegoś, co nie jest tu obsługiwane."},
    .misdirected = {"Żądanie trafiło w niewłaściwe miejsce",
                    "Odśwież stronę, aby połączyć się ponownie."},
    .upgrade_required = {"Potrzebny jest inny rodzaj połączenia",
                         "Tego adresu nie można tak używać. Użyj aktualnej przeglądarki."},
    .too_many_requests = {"Zbyt wiele żądań", "Odczekaj chwilę, zanim spróbujesz ponownie."},
    .head_too_large = {"Żądanie jest zbyt duże",
                       "Usuń pliki cookie tej strony i spróbuj ponownie."},
    .internal_error = {"Coś poszło nie tak",
                       "Błąd leży po naszej stronie. Spróbuj ponownie za chwilę."},
    .not_implemented = {"To nie jest obsługiwane",
                        "Żądanie używa czegoś, co nie jest tu obsługiwane."},
    .bad_gateway = {"Ta strona nie odpowiada prawidłowo",
                    "Błąd leży po naszej stronie. Spróbuj ponownie za chwilę."},
    .unavailable = {"Ta strona jest teraz niedostępna", "Spróbuj ponownie za kilka minut."},
    .gateway_timeout = {"Ta strona odpowiadała zbyt długo", "Spróbuj ponownie za chwilę."},
    .version_unsupported = {"Ta wersja HTTP nie jest obsługiwana", "Użyj aktualnej przeglądarki."},
    .error = "Błąd",
    .request = "Żądanie",
    .try_again = "Spróbuj ponownie",
    .home = "Strona główna",
    .for_owner = "Czy to Twoja domena?",
};

}  // namespace marquee::brand
