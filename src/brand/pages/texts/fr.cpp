// Our own pages in French.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsFr{
    .not_connected =
        {"Ce domaine n’est pas encore connecté",
         "Il mène ici, mais aucun site n’y répond encore. Si vous cherchez un site, revenez un "
         "peu plus tard ou demandez à la personne qui vous a donné l’adresse.",
         "Ajoutez le domaine dans les réglages de votre site et terminez les étapes indiquées. "
         "Vérifiez ses enregistrements DNS : ils doivent être ceux que donnent les réglages, et "
         "une modification peut mettre quelques heures à être visible partout."},
    .suspended = {"Ce site est suspendu", "Il ne peut pas être consulté pour le moment.",
                  "S’il est à vous, adressez-vous à votre prestataire."},
    .disabled = {"Ce site est désactivé", "Il ne peut pas être consulté pour le moment.",
                 "S’il est à vous, activez-le dans ses réglages."},
    .unpublished = {"Ce site n’est pas encore publié", "Revenez plus tard."},
    .maintenance = {"Ce site est en maintenance",
                    "Il sera bientôt de retour. Merci de votre patience."},
    .bad_request = {"La requête n’a pas été comprise",
                    "Quelque chose n’allait pas dans la requête. Vérifiez l’adresse ou réessayez."},
    .unauthorized = {"Vous devez d’abord vous connecter",
                     "Cette adresse est réservée aux personnes connectées."},
    .forbidden = {"Vous n’avez pas accès à cette page", "L’accès à cette adresse est limité."},
    .not_found = {"Cette page n’existe pas",
                  "Vérifiez l’adresse ou repartez de la page d’accueil."},
    .method_not_allowed = {"Ce n’est pas possible ici",
                           "L’adresse existe, mais pas pour ce type de requête."},
    .request_timeout = {"La requête a mis trop de temps à arriver",
                        "Vérifiez votre connexion et réessayez."},
    .too_large = {"Votre envoi est trop volumineux",
                  "Envoyez un fichier plus petit ou moins de données."},
    .uri_too_long = {"L’adresse est trop longue", "Utilisez une adresse plus courte."},
    .expectation_failed = {"La requête n’a pas pu être acceptée",
                           "Elle demande quelque chose qui n’est pas pris en charge ici."},
    .misdirected = {"La requête est arrivée au mauvais endroit",
                    "Rechargez la page pour vous reconnecter."},
    .upgrade_required =
        {"Un autre type de connexion est nécessaire",
         "Cette adresse ne peut pas être utilisée ainsi. Utilisez un navigateur récent."},
    .too_many_requests = {"Trop de requêtes", "Patientez un instant avant de réessayer."},
    .head_too_large = {"La requête est trop volumineuse",
                       "Supprimez les cookies de ce site et réessayez."},
    .internal_error = {"Un problème est survenu",
                       "L’erreur vient de notre côté. Réessayez dans un instant."},
    .not_implemented = {"Ce n’est pas pris en charge",
                        "La requête utilise quelque chose qui n’est pas pris en charge ici."},
    .bad_gateway = {"Ce site ne répond pas correctement",
                    "L’erreur vient de notre côté. Réessayez dans un instant."},
    .unavailable = {"Ce site n’est pas disponible pour le moment",
                    "Réessayez dans quelques minutes."},
    .gateway_timeout = {"Ce site a mis trop de temps à répondre", "Réessayez dans un instant."},
    .version_unsupported = {"Cette version de HTTP n’est pas prise en charge",
                            "Utilisez un navigateur récent."},
    .error = "Erreur",
    .request = "Requête",
    .try_again = "Réessayer",
    .home = "Page d’accueil",
    .for_owner = "Ce domaine est à vous ?",
};

}  // namespace marquee::brand
