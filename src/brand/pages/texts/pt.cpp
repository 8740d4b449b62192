// Our own pages in Portuguese.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsPt{
    .not_connected =
        {"Este domínio ainda não está ligado",
         "Conduz até aqui, mas nenhum site lhe responde ainda. Se procura um, volte um pouco mais "
         "tarde ou pergunte a quem lhe deu o endereço.",
         "Adicione o domínio nas definições do seu site e conclua os passos indicados. Verifique "
         "os registos DNS: têm de ser os que as definições indicam, e uma alteração pode demorar "
         "algumas horas a ser vista em todo o lado."},
    .suspended = {"Este site está suspenso", "De momento não pode ser visitado.",
                  "Se é seu, contacte o seu fornecedor."},
    .disabled = {"Este site está desativado", "De momento não pode ser visitado.",
                 "Se é seu, ative-o nas definições."},
    .unpublished = {"Este site ainda não foi publicado", "Volte mais tarde."},
    .maintenance = {"Estamos a trabalhar neste site", "Voltará em breve. Obrigado pela paciência."},
    .bad_request = {"Não foi possível entender o pedido",
                    "Algo no pedido não estava em ordem. Verifique o endereço ou tente de novo."},
    .unauthorized = {"Primeiro tem de iniciar sessão",
                     "Este endereço é só para quem iniciou sessão."},
    .forbidden = {"Não tem acesso a esta página", "O acesso a este endereço é restrito."},
    .not_found = {"Esta página não existe", "Verifique o endereço ou recomece na página inicial."},
    .method_not_allowed = {"Isso não é possível aqui",
                           "O endereço existe, mas não para este tipo de pedido."},
    .request_timeout = {"O pedido demorou demasiado a chegar",
                        "Verifique a ligação e tente de novo."},
    .too_large = {"O que enviou é demasiado grande",
                  "Envie um ficheiro mais pequeno ou menos dados."},
    .uri_too_long = {"O endereço é demasiado longo", "Use um endereço mais curto."},
    .expectation_failed = {"Não foi possível aceitar o pedido",
                           "Pede algo que aqui não é suportado."},
    .misdirected = {"O pedido chegou ao lugar errado",
                    "Recarregue a página para se ligar de novo."},
    .upgrade_required = {"É necessário outro tipo de ligação",
                         "Este endereço não pode ser usado assim. Use um navegador atual."},
    .too_many_requests = {"Demasiados pedidos", "Aguarde um momento antes de tentar de novo."},
    .head_too_large = {"O pedido é demasiado grande",
                       "Apague os cookies deste site e tente de novo."},
    .internal_error = {"Algo correu mal", "A falha é nossa. Tente de novo dentro de momentos."},
    .not_implemented = {"Isto não é suportado", "O pedido usa algo que aqui não é suportado."},
    .bad_gateway = {"Este site não está a responder corretamente",
                    "A falha é nossa. Tente de novo dentro de momentos."},
    .unavailable = {"Este site não está disponível agora",
                    "Tente de novo dentro de alguns minutos."},
    .gateway_timeout = {"Este site demorou demasiado a responder",
                        "Tente de novo dentro de momentos."},
    .version_unsupported = {"Esta versão de HTTP não é suportada", "Use um navegador atual."},
    .error = "Erro",
    .request = "Pedido",
    .try_again = "Tentar de novo",
    .home = "Página inicial",
    .for_owner = "Este domínio é seu?",
};

}  // namespace marquee::brand
